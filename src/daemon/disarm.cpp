#include "daemon/disarm.hpp"

#include <filesystem>

#include "daemon/chores.hpp"
#include "daemon/turned_off.hpp"

namespace haven::daemon {
namespace {

namespace fs = std::filesystem;

void remove_lists(const DisarmEdges& edges, Disarmed& result) {
  for (const std::string& folder : {edges.run_dir, edges.state_dir}) {
    const std::string path = folder + "/protected";
    std::error_code error;
    fs::remove(path, error);
    if (error) result.problems.push_back(path + " is still there, so the hook still refuses: " + error.message());
  }
  if (result.problems.empty()) result.done.emplace_back("the libvirt hook refuses nothing any more");
}

// libvirtd knows of its hooks until it is restarted, and refuses every start where one is gone: both or neither.
void remove_hooks(const DisarmEdges& edges, Disarmed& result) {
  const auto hooks = installed_hooks(edges.etc);
  if (hooks.empty()) return;
  for (const auto& hook : hooks) {
    std::error_code error;
    fs::remove(hook, error);
    if (error) result.problems.push_back(hook + ": " + error.message());
  }
  const auto restarted = systemd::restart_libvirt(edges.systemd);
  if (restarted.empty()) {
    result.done.emplace_back("libvirt's hooks are removed, and libvirtd was restarted; its guests run on");
  } else {
    result.problems.push_back("libvirt's hooks are removed, and libvirtd refuses every start until it is restarted: " +
                              restarted);
  }
}

void take_caps_off(const DisarmEdges& edges, Disarmed& result) {
  const auto failures = edges.caps_off();
  if (!failures) {
    result.problems.push_back("a guest may still be held to its share of the CPUs: " + failures.error());
    return;
  }
  for (const auto& failure : *failures) result.problems.push_back("still held to its share of the CPUs: " + failure);
}

void give_back(const DisarmEdges& edges, Disarmed& result) {
  TurnedOff note(edges.state_dir + "/turned-off");
  const auto content = note.read();
  if (!content) {
    result.problems.push_back("what was turned off is not known: " + content.error());
    return;
  }
  std::vector<std::string> problems = systemd::turn_units_on(edges.systemd, content->units);
  if (!content->autostart.empty()) {
    const auto failures = edges.autostart_on(content->autostart);
    if (!failures) problems.push_back("autostart is not given back: " + failures.error());
    if (failures)
      for (const auto& failure : *failures) problems.push_back("autostart of " + failure);
  }
  if (problems.empty()) {
    result.done.emplace_back("autostart and libvirt-guests are as they were before Haven; nothing was started");
    // Only now: what could not be given back is to be known the next time.
    if (const auto forgotten = note.forget(); !forgotten) problems.push_back(forgotten.error());
  }
  result.problems.insert(result.problems.end(), problems.begin(), problems.end());
}

}  // namespace

OrWhy<Disarmed> disarm(const DisarmEdges& edges, bool restore) {
  Disarmed result;
  const auto stopped = systemd::stop_havend(edges.systemd);
  if (!stopped) return tl::unexpected(stopped.error());
  if (auto made = make_folder(edges.run_dir, 0755U); !made) return tl::unexpected(made.error());
  // Held to the end, so that none begins meanwhile.
  const auto alone = SingleInstance::lock(edges.run_dir);
  if (!alone) return tl::unexpected(alone.error() + "; stop it first, its guests run on");
  result.done.emplace_back("havend is stopped and stays so; its guests run on, watched by nobody");
  remove_lists(edges, result);
  // While libvirt answers: its hooks may cost it a restart.
  take_caps_off(edges, result);
  remove_hooks(edges, result);
  if (restore) give_back(edges, result);
  return result;
}

}  // namespace haven::daemon
