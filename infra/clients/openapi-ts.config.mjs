// How @hey-api/openapi-ts makes the TypeScript client, from the folder of the project.
export default {
  input: "./docs/openapi.json",
  output: {path: "./.local/clients/typescript/src", importFileExtension: ".js"},
  // One type for what is sent and what is answered: no view shows what may only be written.
  parser: {transforms: {readWrite: {enabled: false}}},
  logs: {level: "warn", file: false},
};
