// Starting and stopping tasks, each confirmed. What the manager refuses is said in its words.

const dialog = document.getElementById("confirm");
const question = document.getElementById("confirm-text");
const problem = document.getElementById("confirm-error");
const yes = document.getElementById("confirm-yes");
const no = document.getElementById("confirm-no");

let action = null;

no.addEventListener("click", () => dialog.close());
yes.addEventListener("click", async () => {
  yes.disabled = true;
  problem.textContent = await action();
  yes.disabled = false;
  if (!problem.textContent) dialog.close();
});

// Asks, and then tells `done`.
export function confirm(task, what, done) {
  const where = task.proplet_id ? ` on ${task.proplet_id}` : "";
  question.textContent = `${what === "stop" ? "Stop" : "Start"} ${task.task_id}${where}?`;
  problem.textContent = "";
  yes.textContent = what;
  action = async () => {
    try {
      const answer = await fetch(`/tasks/${encodeURIComponent(task.task_id)}/${what}`, { method: "POST" });
      if (answer.ok) {
        done();
        return "";
      }
      const { detail } = await answer.json();
      return typeof detail === "string" ? detail : `refused with status ${answer.status}`;
    } catch {
      return "no answer from the manager";
    }
  };
  dialog.showModal();
  no.focus();
}
