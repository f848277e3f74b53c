// SPDX-License-Identifier: GPL-3.0-or-later
// A job type for Flamenco 3: put this file into the folder "scripts" beside the Manager. Its name is that of the type.
//
// A task is a shot. It ends well whatever becomes of the shot, since failed tasks stop the others of a job; the last
// task lists the shots. The submitter sends all settings: a Manager fills in no defaults.

const JOB_TYPE = {
    label: "Tracking Sessions",
    description: "Motion tracking of the shots of a submission, made with: submit",
    settings: [
        { key: "program", type: "string", required: true, visible: "web",
          description: "Blender, or {blender} for that of the Manager's configuration" },
        { key: "arguments", type: "string", required: true, visible: "hidden",
          description: "Further words of the command line up to the command, a list in JSON" },
        { key: "manifest", type: "string", subtype: "file_path", required: true, visible: "web",
          description: "The shots of the submission" },
        { key: "shots", type: "string", required: true, visible: "web",
          description: "Their numbers, such as 1-24,30" },
        { key: "steps", type: "int32", required: true, visible: "hidden",
          description: "Steps of the progress of a task" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    for (const { key } of JOB_TYPE.settings) {
        if (settings[key] === undefined || settings[key] === null || settings[key] === "") {
            throw `The job has no setting "${key}": submit it with the extension Tracking Sessions`;
        }
    }
    const report = author.Task("report", "blender");
    report.addCommand(run(settings, ["status", "--short", settings.manifest], 0));
    for (const shot of frameChunker(settings.shots, 1)) {
        const task = author.Task(`shot-${shot}`, "blender");
        const words = ["task", "--manifest", settings.manifest, "--index", shot];
        words.push("--progress", "flamenco", "--shot-exit", "0");
        task.addCommand(run(settings, words, settings.steps));
        job.addTask(task);
        report.addDependency(task);
    }
    job.addTask(report);
}

// Of the commands of a Flamenco Worker, "blender-render" is the one that counts steps. It takes any program.
function run(settings, words, steps) {
    return author.Command("blender-render", {
        exe: settings.program,
        exeArgs: "",
        argsBefore: JSON.parse(settings.arguments),
        blendfile: "",
        args: words,
    }, steps);
}
