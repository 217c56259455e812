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

std::vector<std::string> hooks_of(const fs::path& hooks, const std::string& driver) {
  std::vector<std::string> found;
  if (is_our_hook(hooks / driver)) found.push_back((hooks / driver).string());
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(hooks / (driver + ".d"), error))
    if (is_our_hook(entry.path())) found.push_back(entry.path().string());
  return found;
}

constexpr const char* kDrivers[] = {"qemu", "lxc"};

}  // namespace

Chores::Chores(Work work, Duration retry, Duration look_again)
    : work_(std::move(work)), retry_(retry), look_again_(look_again), thread_([this] { serve(); }) {}

Chores::~Chores() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Chores::want(Protected wanted) {
  const std::lock_guard lock(mutex_);
  wanted_ = std::move(wanted);
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
    changed_.wait_for(lock, done ? look_again_ : retry_, [this] { return wanted_.has_value() || ending_; });
    if (!wanted_) wanted_ = std::move(list);
  }
}

std::vector<std::string> missing_hooks(const std::string& etc) {
  std::vector<std::string> found;
  for (const char* driver : kDrivers) {
    if (!hooks_of(fs::path(etc) / "libvirt/hooks", driver).empty()) continue;
    found.push_back(std::string("libvirt's ") + driver +
                    " hook is not Haven's, so that a protected domain may be started by others: link haven-hook as "
                    "/etc/libvirt/hooks/" +
                    driver + " and restart libvirtd");
  }
  return found;
}

std::vector<std::string> installed_hooks(const std::string& etc) {
  std::vector<std::string> found;
  for (const char* driver : kDrivers)
    for (auto& path : hooks_of(fs::path(etc) / "libvirt/hooks", driver)) found.push_back(std::move(path));
  return found;
}

}  // namespace haven::daemon
