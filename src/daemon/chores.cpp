#include "daemon/chores.hpp"

#include <filesystem>
#include <utility>

namespace haven::daemon {
namespace {

namespace fs = std::filesystem;

bool is_our_hook(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  return !error && real.filename() == "haven-hook";
}

bool hook_installed(const fs::path& hooks, const std::string& driver) {
  if (is_our_hook(hooks / driver)) return true;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(hooks / (driver + ".d"), error)) {
    if (is_our_hook(entry.path())) return true;
  }
  return false;
}

}  // namespace

Chores::Chores(Work work) : work_(std::move(work)), thread_([this] { serve(); }) {}

Chores::~Chores() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Chores::want(std::vector<std::string> uuids) {
  const std::lock_guard lock(mutex_);
  wanted_ = std::move(uuids);
  changed_.notify_all();
}

void Chores::serve() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (!wanted_) {
      changed_.wait(lock);
      continue;
    }
    auto list = std::exchange(wanted_, std::nullopt);
    lock.unlock();
    const bool done = work_(*list);
    lock.lock();
    if (done) continue;
    changed_.wait_for(lock, kRetry, [this] { return wanted_.has_value() || ending_; });
    if (!wanted_) wanted_ = std::move(list);
  }
}

std::vector<std::string> rivals(const std::string& etc) {
  std::vector<std::string> found;
  const fs::path root(etc);
  for (const char* driver : {"qemu", "lxc"}) {
    if (!hook_installed(root / "libvirt/hooks", driver)) {
      found.push_back(std::string("libvirt's ") + driver +
                      " hook is not Haven's, so that a protected domain may be "
                      "started by others: link haven-hook as /etc/libvirt/hooks/" +
                      driver + " and restart libvirtd");
    }
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / "systemd/system", error)) {
    const fs::path unit = entry.path() / "libvirt-guests.service";
    if (entry.path().extension() == ".wants" && fs::exists(fs::symlink_status(unit))) {
      found.push_back(
          "libvirt-guests is enabled and would start and stop domains of its own accord: "
          "systemctl disable --now libvirt-guests");
    }
  }
  return found;
}

}  // namespace haven::daemon
