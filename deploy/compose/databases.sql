-- Run once by the image of PostgreSQL, on a new volume: a role of ours, and the two databases that it owns.
\set password `cat "$DATABASE_PASSWORD_FILE"`
-- For the role of each environment, as which `alumniq sql` reads it.
CREATE ROLE alumniq LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE ledger OWNER alumniq;
CREATE DATABASE warehouse OWNER alumniq;
