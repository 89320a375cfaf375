// The shop next to which we are measured: Vendure's defaults, on the PostgreSQL of DATABASE_URL.
// No plugin runs in it: no search index, no mail, no dashboard, so that an order costs the least.
const { dummyPaymentHandler } = require("@vendure/core");

exports.config = (synchronize) => ({
  apiOptions: { hostname: "127.0.0.1", port: Number(process.env.PORT) },
  authOptions: {
    tokenMethod: "bearer", // as a client that is no browser does
    requireVerification: false, // the buyers have no mailbox
    superadminCredentials: { identifier: "superadmin", password: process.env.SUPERADMIN_PASSWORD },
  },
  dbConnectionOptions: { type: "postgres", url: process.env.DATABASE_URL, synchronize },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
});
