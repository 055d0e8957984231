-- In the database of PERSONS_DATABASE_URL.

GRANT USAGE ON SCHEMA public TO tributary_worker;

GRANT SELECT ON tributary_persons_migrations TO tributary_worker;

-- People, groups and their types.
GRANT USAGE ON SEQUENCE posthog_person_id_seq TO tributary_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON posthog_person TO tributary_worker;
GRANT SELECT, INSERT, UPDATE ON posthog_persondistinctid, posthog_group TO tributary_worker;
GRANT SELECT, INSERT ON posthog_grouptypemapping TO tributary_worker;

-- A merge moves what hangs on a person.
GRANT SELECT, UPDATE ON posthog_cohortpeople TO tributary_worker;
GRANT SELECT, INSERT, DELETE ON posthog_featureflaghashkeyoverride TO tributary_worker;
GRANT SELECT ON tributary_deleted TO tributary_worker;

-- How far each partition has had its effect, and what is still to be published.
GRANT SELECT, INSERT, UPDATE ON tributary_progress TO tributary_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON tributary_refused, tributary_outbox TO tributary_worker;
