// Each try is a wish of its own: the key that the document shows is only an example.
const EXAMPLE_KEY = "3f6c1f0e9b2d4c5a";

const withNewKey = (request) => {
  if (request.headers?.["Idempotency-Key"] === EXAMPLE_KEY) {
    request.headers["Idempotency-Key"] = crypto.randomUUID();
  }
  return request;
};

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  requestInterceptor: withNewKey,
});
