// What a host makes of a bundle's manifest: reads {manifest, extensionPath, systemDirs, userConfig, pathSeparator} from
// its argument, writes the command to start.
import { getMcpConfigForManifest } from "../hosts/node_modules/@anthropic-ai/mcpb/dist/shared/config.js";

console.log(JSON.stringify(await getMcpConfigForManifest(JSON.parse(process.argv[2]))));
