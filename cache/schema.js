// Run by mongosh at every start: role, user, collections, validators, indexes. Harmless again.
const fs = require("fs");
const schema = JSON.parse(fs.readFileSync("/cache/schema.json", "utf8"));
const admin = db.getSiblingDB("admin");
admin.auth(process.env.ADMIN, process.env.CACHE_PASS);
const name = process.env.DATABASE || "facegate";
const facegate = db.getSiblingDB(name);
const existing = facegate.getCollectionNames();
const about = existing.includes("about") && facegate.about.findOne({ _id: "schema" });
if (about && about.version > schema.version) {
  print(`cache: this volume was written by a newer version (${about.version})`);
  quit(3);
}
for (const [collection, { validator, indexes }] of Object.entries(schema.collections)) {
  if (!existing.includes(collection)) facegate.createCollection(collection);
  facegate.runCommand({ collMod: collection, validator, validationLevel: "moderate" });
  for (const { key, ...options } of indexes) facegate[collection].createIndex(key, options);
}
const privileges = [{ resource: { db: name, collection: "" }, actions: schema.actions }];
const role = { privileges, roles: [] };
if (admin.getRole("facegateService")) admin.updateRole("facegateService", role);
else admin.createRole({ role: "facegateService", ...role });
const user = { pwd: process.env.PASS, roles: ["facegateService"] };
if (admin.getUser(process.env.USER)) admin.updateUser(process.env.USER, user);
else admin.createUser({ user: process.env.USER, ...user });
facegate.about.replaceOne(
  { _id: "schema" },
  { _id: "schema", version: schema.version, server: "mongodb" },
  { upsert: true },
);
