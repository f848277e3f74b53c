// SPDX-License-Identifier: GPL-3.0-or-later
// Compiles a job as a Flamenco Manager does: node manager.js SCRIPT JOB prints its job type and its tasks as JSON.
//
// The script runs in strict mode, with the globals of a Manager and none of node's. No default is filled in. A task
// that is added is a copy: what the script does with it afterwards does not count. A script that throws: exit code 1.

"use strict";

const fs = require("fs");
const vm = require("vm");

const [script, document] = process.argv.slice(2);
const submitted = JSON.parse(fs.readFileSync(document, "utf8"));

function need(holds, words) {
    if (!holds) throw new Error(words);
}

function isText(value) {
    return typeof value === "string";
}

function frames(range) {
    const found = new Set();
    for (const part of range.replaceAll("..", "-").split(",")) {
        const ends = part.split("-").map((end) => end.trim());
        need(ends.length <= 2 && ends.every((end) => /^[+-]?\d+$/.test(end)), `invalid range "${range}": ${part}`);
        for (let frame = Number(ends[0]); frame <= Number(ends.at(-1)); frame++) found.add(frame);
    }
    return [...found].sort((a, b) => a - b);
}

function merged(chunk) {
    const runs = [];
    for (const frame of chunk) {
        if (runs.length && frame === runs.at(-1)[1] + 1) runs.at(-1)[1] = frame;
        else runs.push([frame, frame]);
    }
    return runs.map(([first, last]) => {
        if (first === last) return `${first}`;
        return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
    }).join(",");
}

function frameChunker(range, size) {
    need(isText(range) && range.trim() !== "", "empty range");
    need(Number.isInteger(size) && size >= 1, "invalid chunk size");
    const all = frames(range.trim());
    const chunks = [];
    for (let i = 0; i < all.length; i += size) chunks.push(merged(all.slice(i, i + size)));
    return chunks;
}

// What a Worker demands of the parameters of the commands that it knows.
const COMMANDS = {
    "blender-render": (values) => {
        need(isText(values.exe) && values.exe !== "", "missing exe");
        need(isText(values.blendfile), "invalid blendfile");
        for (const key of ["argsBefore", "args"]) {
            need(Array.isArray(values[key]) && values[key].every(isText), `invalid ${key}`);
        }
    },
};

let count = 0;

class Task {
    constructor(name, type) {
        need(isText(name) && name.trim() !== "", "author.Task(name, type): name is required");
        need(isText(type) && type.trim() !== "", "author.Task(name, type): type is required");
        Object.assign(this, { id: `task ${++count}`, name, type, commands: [], dependencies: [] });
    }
    addCommand(command) {
        this.commands.push(command);
    }
    addDependency(task) {
        need(task instanceof Task, "a dependency is a task");
        this.dependencies.push(task.id);
    }
}

const author = {
    Task: (name, type) => new Task(name, type),
    Command: (name, parameters, steps = 0) => {
        need(COMMANDS[name], `unknown command ${name}`);
        parameters = JSON.parse(JSON.stringify(parameters));
        COMMANDS[name](parameters);
        return { name, parameters, steps };
    },
};

const tasks = [];
const job = {
    name: submitted.name, type: submitted.type, priority: submitted.priority, created: new Date(),
    settings: { ...submitted.settings }, metadata: { ...submitted.metadata },
    addTask: (task) => tasks.push(JSON.parse(JSON.stringify(task))),
};
const context = vm.createContext({
    author, frameChunker, frameCount: (range) => frames(range).length, print() {}, alert() {},
    formatTimestampLocal: () => "2026-01-31_101500", shellSplit: (words) => words.split(" "),
    path: {}, process: {}, job,
}, { codeGeneration: { strings: false, wasm: false } });

try {
    vm.runInContext(`"use strict"; ${fs.readFileSync(script, "utf8")}`, context, { filename: script });
    const type = vm.runInContext("JOB_TYPE", context);
    vm.runInContext("compileJob(job)", context);
    const known = new Set(tasks.map((task) => task.id));
    for (const task of tasks) {
        need(task.dependencies.every((id) => known.has(id)), "a task depends on a task that is not part of this job");
    }
    process.stdout.write(JSON.stringify({ type, tasks }));
} catch (error) {
    process.stderr.write(`${error}\n`);
    process.exitCode = 1;
}
