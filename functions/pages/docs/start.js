// Each try is a wish of its own: the key that the document shows is only an example.
const EXAMPLE_KEY = "3f6c1f0e9b2d4c5a";

const withNewKey = (request) => {
  if (request.headers?.["Idempotency-Key"] === EXAMPLE_KEY) {
    request.headers["Idempotency-Key"] = crypto.randomUUID();
  }
  return request;
};

const at = (document, path) => path.reduce((part, key) => part?.[key], document);

const keysOf = (reference) =>
  reference.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));

const referencesIn = (value) => {
  if (value === null || typeof value !== "object") {
    return [];
  }
  const own = typeof value.$ref === "string" ? [value.$ref] : [];
  return [...own, ...Object.values(value).flatMap(referencesIn)];
};

const copyInto = (part, document, path) => {
  const folder = path.slice(0, -1).reduce((inner, key) => (inner[key] ??= {}), part);
  const value = (folder[path.at(-1)] = at(document, path));
  for (const keys of referencesIn(value).map(keysOf)) {
    if (at(part, keys) === undefined) {
      copyInto(part, document, keys);
    }
  }
  return part;
};

// For each operation that is opened, Swagger UI visits the whole document it has, which takes ten
// seconds. So it is given what the operation refers to, and no other operation.
const resolveParts = {
  afterLoad() {
    const { resolveSubtree } = this.fn;
    this.fn.resolveSubtree = (document, path, options) =>
      resolveSubtree(copyInto({ openapi: document.openapi }, document, path), path, options);
  },
};

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  requestInterceptor: withNewKey,
  plugins: [resolveParts],
});
