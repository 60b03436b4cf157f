// The same as rounds.c.
const fs = require("fs");
process.chdir(process.argv[2]);
for (const round of "123") {
  const fd = fs.openSync("log.new", "w");
  fs.writeSync(fd, round);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
  fs.renameSync("log.new", "log");
}
fs.unlinkSync("log");
