#!/usr/bin/env node
require("./server.js");
