// Serve the shop, in this one process.
const { bootstrap } = require("@vendure/core");
const { config } = require("./vendure-config");

bootstrap(config(false)).catch((error) => {
  console.error(error);
  process.exit(1);
});
