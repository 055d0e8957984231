export * as Database from "./postgres/Database.ts"
export * as Migrations from "./postgres/Migrations.ts"
export * as PersonStore from "./postgres/PersonStore.ts"
export * as Progress from "./postgres/Progress.ts"
