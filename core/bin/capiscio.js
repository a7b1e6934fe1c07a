#!/usr/bin/env node
// Exists before anything is built, so that npm can link the command at installation.
import '../dist/main.js'
