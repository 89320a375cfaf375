// Fill an empty database: node populate.js products.csv BUYERS
// The products come by Vendure's own import; each buyer has an account and has signed in.
const {
  CustomerService,
  RequestContextService,
  SessionService,
  UserService,
  bootstrap,
} = require("@vendure/core");
const { populate } = require("@vendure/core/cli");
const { config } = require("./vendure-config");

const INITIAL_DATA = {
  defaultLanguage: "en",
  defaultZone: "Europe",
  countries: [{ name: "Austria", code: "AT", zone: "Europe" }],
  taxRates: [{ name: "Standard Tax", percentage: 20 }],
  shippingMethods: [{ name: "Standard Shipping", price: 500 }],
  paymentMethods: [
    {
      name: "Standard Payment",
      handler: {
        code: "dummy-payment-handler",
        arguments: [{ name: "automaticSettle", value: "true" }],
      },
    },
  ],
  collections: [],
};

async function signIn(app, buyers) {
  const ctx = await app.get(RequestContextService).create({ apiType: "admin" });
  for (let number = 1; number <= buyers; number++) {
    const customer = await app.get(CustomerService).create(ctx, {
      firstName: "Wile",
      lastName: "Coyote",
      emailAddress: `${number}@example.com`,
    });
    const user = await app.get(UserService).getUserById(ctx, customer.user.id); // with its roles
    await app.get(SessionService).createNewAuthenticatedSession(ctx, user, "native");
  }
}

async function main([products, buyers]) {
  const app = await populate(() => bootstrap(config(true)), INITIAL_DATA, products);
  await signIn(app, Number(buyers));
  await app.close();
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
