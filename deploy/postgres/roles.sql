-- The rights of each program, for PostgreSQL. To be run as the owner of the tables once they are there, in the databases of
-- DATABASE_URL and PERSONS_DATABASE_URL; with one database for both, run roles.sql, projects.sql and persons.sql in it.
--
-- The owner makes the tables: start one worker with its URL, once, and again with each version whose schema is newer. A
-- program that finds the tables as it knows them needs no more than what stands here.
--
-- Choose passwords afterwards: ALTER ROLE tributary_capture PASSWORD '…';

CREATE ROLE tributary_capture LOGIN;
CREATE ROLE tributary_worker LOGIN;
