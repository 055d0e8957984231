/** The country database that installs with this package, for `GEOIP_DATABASE`. */
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

export const bundledPlaces = (): string => {
  const require = createRequire(import.meta.url)
  const packageJson = require.resolve("@ip-location-db/geo-whois-asn-country-mmdb/package.json")
  return join(dirname(packageJson), "geo-whois-asn-country.mmdb")
}
