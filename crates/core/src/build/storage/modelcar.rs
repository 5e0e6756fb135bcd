//! A modelcar: an image with the model in `/models` runs beside the container, which reads its files through `/proc`
//! (`reference/workloads.md §9.6`).
//!
//! It is an init container that keeps running, so the model server starts only when the files can be read (S-5), and
//! links each of them into a directory of its own, which is all that the model server mounts (A-1, A-2).

use serde_json::{Value, json};

use super::{DOWNLOAD_VOLUME, add_named, mount, restricted};
use crate::build::expansion::escape;
use crate::tree;
use crate::validate::storage::{Modelcar, Target};

const CONTAINER: &str = "modelcar";
/// `$$` is the process that stays: `exec` keeps its number. The last link is the one that is waited for.
const LINK: &str = r#"if [ -z "$(ls -A /models 2>/dev/null)" ]; then
  echo "the image has no model: /models does not exist or is empty" >&2
  exit 1
fi
for file in /models/* /models/.[!.]*; do
  if [ -e "$file" ]; then ln -sfn "/proc/$$/root$file" "$1/${file##*/}"; fi
done
ln -sfn "/proc/$$/root/models" "$1/.modelcar"
exec sleep infinity
"#;

/// Adds the image and the directory with the links.
pub fn attach(pod: &mut Value, target: Target, modelcar: &Modelcar) {
    tree::array(pod, "initContainers").push(container(target, modelcar));
    mount(pod, target, json!({"name": DOWNLOAD_VOLUME, "mountPath": target.path, "readOnly": true}));
    add_named(pod, "volumes", json!({"name": DOWNLOAD_VOLUME, "emptyDir": {}}));
    if modelcar.sets_user
        && let Some(main) = tree::named_mut(tree::array(pod, "containers"), target.container)
    {
        set_ids(main, modelcar);
    }
    // Pods that see the host's processes see each other's, and can't be given less.
    if tree::get(pod, &["hostPID"]) != Some(&json!(true)) {
        *tree::entry(pod, "shareProcessNamespace") = json!(true);
    }
}

fn container(target: Target, modelcar: &Modelcar) -> Value {
    let sizes = json!({"cpu": modelcar.cpu, "memory": modelcar.memory});
    let ready = format!("[ -d {}/.modelcar ]", target.path);
    let mut container = json!({
        "name": CONTAINER,
        "image": modelcar.image,
        "restartPolicy": "Always",
        "command": ["sh", "-c", escape(LINK), CONTAINER, target.path],
        "resources": {"requests": sizes, "limits": sizes},
        "securityContext": restricted(),
        "startupProbe": {"exec": {"command": ["sh", "-c", ready]}, "periodSeconds": 1, "failureThreshold": 60},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": DOWNLOAD_VOLUME, "mountPath": target.path}],
    });
    set_ids(&mut container, modelcar);
    if modelcar.user == Some(0) {
        tree::object(&mut container, "securityContext").remove("runAsNonRoot");
    }
    container
}

fn set_ids(container: &mut Value, modelcar: &Modelcar) {
    let context = tree::object(container, "securityContext");
    let ids = [("runAsUser", modelcar.user), ("runAsGroup", modelcar.group)];
    context.extend(ids.into_iter().filter_map(|(field, id)| Some((field.to_owned(), json!(id?)))));
}
