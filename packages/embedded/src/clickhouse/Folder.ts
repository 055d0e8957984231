/**
 * The engine's folder before it is opened: who holds it, and the configuration that the engine reads from it.
 *
 * The engine prints why it cannot open on stderr and tells its caller nothing, so what can be known is looked at first.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { isAlive } from "../Alive.ts"

/** The lock on this inode is held by somebody; undefined where the system does not tell. */
const isLocked = (file: string): boolean | undefined => {
  try {
    const inode = String(statSync(file).ino)
    return readFileSync("/proc/locks", "utf8")
      .split("\n")
      .some((line) => line.includes(`:${inode} `))
  } catch {
    return undefined
  }
}

/**
 * The process that has the engine open on this folder; undefined if none. The file `status` outlives a kill, and its number
 * may be another program's by then, so where the system lists its locks the file must also be locked.
 */
export const holder = (folder: string): number | undefined => {
  const file = join(folder, "status")
  let pid: number
  try {
    pid = Number(/^PID: (\d+)/m.exec(readFileSync(file, "utf8"))?.[1])
  } catch {
    return undefined
  }
  return pid !== process.pid && isAlive(pid) && (isLocked(file) ?? true) ? pid : undefined
}

const xml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/**
 * Settings for every session go into a profile: query settings among the arguments reach the first session only. The role
 * `reader` is what the HTTP front runs under: it may read this one database and may not reach files, addresses or programs.
 */
const users = (database: string): string => `<clickhouse>
  <profiles><default>
    <async_insert>0</async_insert>
    <max_partitions_per_insert_block>0</max_partitions_per_insert_block>
  </default></profiles>
  <roles>
    <writer><grants><query>GRANT ALL ON *.*</query></grants></writer>
    <reader><grants><query>GRANT SELECT, SHOW ON ${database}.*</query></grants></reader>
  </roles>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants><query>GRANT writer</query><query>GRANT reader</query></grants>
  </default></users>
  <quotas><default/></quotas>
</clickhouse>
`

/** Makes the folder if need be and writes the configuration; answers with the path of its file. */
export const prepare = (folder: string, database: string): string => {
  mkdirSync(folder, { recursive: true })
  const usersFile = join(resolve(folder), "users.xml")
  const configFile = join(resolve(folder), "engine.xml")
  writeFileSync(usersFile, users(database))
  writeFileSync(configFile, `<clickhouse><users_config>${xml(usersFile)}</users_config></clickhouse>\n`)
  return configFile
}
