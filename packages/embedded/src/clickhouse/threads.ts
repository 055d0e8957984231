/**
 * To be imported before anything else by every main that opens the ClickHouse engine: each running query holds a thread of
 * libuv's pool, which has four unless this says otherwise before its first use. Four slow queries would stop the file
 * system, DNS and zlib of the whole process (guides clickhouse 1).
 */
process.env["UV_THREADPOOL_SIZE"] ??= "16"

export {}
