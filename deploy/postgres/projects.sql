-- In the database of DATABASE_URL.

GRANT USAGE ON SCHEMA public TO tributary_capture, tributary_worker;

-- Capture asks whose token it is, and at its start whether the tables are those that it knows; nothing else.
GRANT SELECT ON posthog_team, tributary_projects_migrations TO tributary_capture;

GRANT SELECT ON tributary_projects_migrations TO tributary_worker;
GRANT SELECT, UPDATE (ingested_event) ON posthog_team TO tributary_worker;
GRANT SELECT ON posthog_hogfunction TO tributary_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON tributary_delivery, tributary_mask TO tributary_worker;
