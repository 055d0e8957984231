import { GeoIp } from "@tributary/pipeline/service/GeoIp"
import { contract, places } from "../contract/GeoIp.ts"

contract("memory", GeoIp.layerMemory(places))
