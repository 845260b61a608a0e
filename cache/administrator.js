// Run once by mongosh on a server without users, before it listens to anybody else.
const admins = db.getSiblingDB("admin");
admins.createUser({ user: process.env.ADMIN, pwd: process.env.CACHE_PASS, roles: ["root"] });
