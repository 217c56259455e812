#include "adapter/libvirt/processes.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 forgets to say so itself
}

#include "adapter/descriptor.hpp"

namespace haven::libvirt {
namespace {

namespace fs = std::filesystem;
using port::VmProcess;

// Empty where the process is gone, which may be at any moment: a stream would throw when that is between its opening
// and its reading.
std::string read_all(const fs::path& path) {
  std::string text;
  const adapter::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return text;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = ::read(file.get(), buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  return text;
}
// The entries of a folder, without the exception that a range-for throws when it vanishes meanwhile. What came before
// the error stands in `paths`.
std::error_code list_folder(const fs::path& folder, std::vector<fs::path>& paths) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator(); entry.increment(error))
    paths.push_back(entry->path());
  return error;
}
std::string read_link(const fs::path& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}
std::optional<int> pid_of(const fs::path& path) {
  const std::string text = path.filename().string();
  int pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return pid;
}

// Texts that each end with a zero byte, as in cmdline and environ.
std::vector<std::string> zero_ended(const std::string& bytes) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto end = std::min(bytes.find('\0', at), bytes.size());
    texts.push_back(bytes.substr(at, end - at));
    at = end + 1;
  }
  return texts;
}

// A dead first thread shows no arguments, and neither does a kernel thread; any living one does.
std::vector<std::string> arguments_of(const fs::path& process) {
  auto arguments = zero_ended(read_all(process / "cmdline"));
  if (!arguments.empty()) return arguments;
  std::vector<fs::path> threads;
  list_folder(process / "task", threads);
  for (const auto& thread : threads) {
    arguments = zero_ended(read_all(thread / "cmdline"));
    if (!arguments.empty()) break;
  }
  return arguments;
}

std::string option(const std::vector<std::string>& arguments, const std::string& name) {
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i] == name && i + 1 < arguments.size()) return arguments[i + 1];
    if (arguments[i].starts_with(name + "=")) return arguments[i].substr(name.size() + 1);
  }
  return {};
}

// guest=web1,debug-threads=on or just web1; a comma in the name itself is doubled.
std::string guest_name(const std::string& value) {
  std::string name;
  const std::string rest = value.starts_with("guest=") ? value.substr(6) : value;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == ',' && (i + 1 == rest.size() || rest[++i] != ',')) break;
    name += rest[i];
  }
  return name;
}

// The init of a container: process 1 of a pid namespace below ours, with libvirt's words in its environment.
std::optional<VmProcess> container_init(const fs::path& process, int pid) {
  VmProcess found{{}, {}, pid};
  for (const auto& text : zero_ended(read_all(process / "environ"))) {
    if (text.starts_with("LIBVIRT_LXC_UUID=")) found.uuid = text.substr(17);
    if (text.starts_with("LIBVIRT_LXC_NAME=")) found.name = text.substr(17);
  }
  if (found.uuid.empty()) return std::nullopt;
  const std::string status = read_all(process / "status");
  const auto at = status.find("\nNSpid:");
  if (at == std::string::npos) return std::nullopt;
  const std::string line = status.substr(at + 1, status.find('\n', at + 1) - at - 1);
  return line.ends_with("\t1") ? std::optional(found) : std::nullopt;
}

std::optional<VmProcess> identify(const fs::path& process, int pid, const std::string& own_namespace) {
  const auto arguments = arguments_of(process);
  if (arguments.empty()) return std::nullopt;
  const std::string program = arguments[0].substr(arguments[0].rfind('/') + 1);
  if (program.starts_with("qemu-system-") || program == "qemu-kvm" || program == "kvm") {
    const std::string uuid = option(arguments, "-uuid");
    if (uuid.empty()) return std::nullopt;
    return VmProcess{uuid, guest_name(option(arguments, "-name")), pid};
  }
  if (program == "libvirt_lxc") return VmProcess{{}, option(arguments, "--name"), pid};
  if (read_link(process / "ns/pid") != own_namespace) return container_init(process, pid);
  return std::nullopt;
}

// Children of these controllers that live in a pid namespace of their own: inits, whatever their environment says.
std::vector<int> inits_of(const std::string& proc_path, const std::vector<int>& controllers) {
  std::vector<int> inits;
  const std::string own = read_link(fs::path(proc_path) / "self/ns/pid");
  std::vector<fs::path> entries;
  list_folder(proc_path, entries);
  for (const auto& entry : entries) {
    const auto pid = pid_of(entry);
    if (!pid) continue;
    const std::string stat = read_all(entry / "stat");
    const auto after_name = stat.rfind(')');  // pid (name) state parent ...
    if (after_name == std::string::npos || after_name + 4 >= stat.size()) continue;
    const int parent = std::atoi(stat.c_str() + after_name + 4);
    if (std::ranges::find(controllers, parent) == controllers.end()) continue;
    const std::string theirs = read_link(entry / "ns/pid");
    if (!theirs.empty() && theirs != own) inits.push_back(*pid);
  }
  return inits;
}

struct PidFd {
  explicit PidFd(int of) : pid(of), fd(pidfd_open(of, 0)) {}
  int pid;
  adapter::Descriptor fd;
};

// A pidfd names one process for ever; its number is looked at again after it was taken, so that a number that went to
// somebody else in between is never shot.
std::vector<PidFd> take_pidfds(const std::string& proc_path, const std::string& uuid, const std::string& name,
                               const std::vector<VmProcess>& found) {
  const std::string own = read_link(fs::path(proc_path) / "self/ns/pid");
  std::vector<PidFd> fds;
  std::vector<int> controllers;
  for (const auto& process : found) {
    PidFd taken(process.pid);
    const auto again = identify(fs::path(proc_path) / std::to_string(process.pid), process.pid, own);
    if (!taken.fd || !again || !belongs_to(*again, uuid, name)) continue;
    if (process.uuid.empty()) controllers.push_back(process.pid);
    fds.push_back(std::move(taken));
  }
  if (controllers.empty()) return fds;
  for (const int pid : inits_of(proc_path, controllers)) {
    PidFd taken(pid);
    const auto still = inits_of(proc_path, controllers);
    if (taken.fd && std::ranges::find(still, pid) != still.end()) fds.push_back(std::move(taken));
  }
  return fds;
}

// A pidfd becomes readable once the last thread is gone.
bool wait_until_gone(const std::vector<PidFd>& processes, Clock::time_point deadline, std::string& left) {
  for (const auto& process : processes) {
    for (;;) {
      const auto remaining = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
      pollfd wait{process.fd.get(), POLLIN, 0};
      const int ready = ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(remaining, 0)));
      if (ready > 0) break;
      if (ready < 0 && errno == EINTR) continue;
      left = "process " + std::to_string(process.pid) + " is still there after SIGKILL";
      return false;
    }
  }
  return true;
}

}  // namespace

tl::expected<std::vector<VmProcess>, std::string> find_vm_processes(const std::string& proc_path) {
  std::vector<fs::path> entries;
  if (const auto error = list_folder(proc_path, entries)) return tl::unexpected(proc_path + ": " + error.message());
  const std::string own = read_link(fs::path(proc_path) / "self/ns/pid");
  std::vector<VmProcess> found;
  for (const auto& entry : entries)
    if (const auto pid = pid_of(entry))
      if (auto process = identify(entry, *pid, own)) found.push_back(std::move(*process));
  std::ranges::sort(found, {}, &VmProcess::pid);
  return found;
}

bool belongs_to(const VmProcess& process, const std::string& uuid, const std::string& name) {
  return process.uuid.empty() ? !name.empty() && process.name == name : process.uuid == uuid;
}

bool container_has_initctl(const std::string& proc_path, const std::string& uuid) {
  const auto processes = find_vm_processes(proc_path);
  if (!processes) return false;
  const auto init = std::ranges::find(*processes, uuid, &VmProcess::uuid);
  if (init == processes->end()) return false;
  const fs::path root = fs::path(proc_path) / std::to_string(init->pid) / "root";
  std::error_code error;
  return std::ranges::any_of(std::array{"run/initctl", "dev/initctl", "etc/.initctl"},
                             [&](const char* pipe) { return fs::is_fifo(fs::symlink_status(root / pipe, error)); });
}

bool terminate_container(const std::string& proc_path, const std::string& uuid) {
  auto processes = find_vm_processes(proc_path);
  if (!processes) return false;
  std::erase_if(*processes, [&](const VmProcess& process) { return process.uuid != uuid; });
  const auto inits = take_pidfds(proc_path, uuid, {}, *processes);
  return !inits.empty() && pidfd_send_signal(inits.front().fd.get(), SIGTERM, nullptr, 0) == 0;
}

tl::expected<void, std::string> kill_vm_processes(const std::string& proc_path, const std::string& uuid,
                                                  const std::string& name, Clock::time_point deadline,
                                                  const std::function<bool()>& may_signal) {
  bool asked = false;
  for (;;) {
    auto found = find_vm_processes(proc_path);
    if (!found) return tl::unexpected(found.error());
    std::erase_if(*found, [&](const VmProcess& process) { return !belongs_to(process, uuid, name); });
    if (found->empty()) return {};
    if (!asked && !may_signal()) return tl::unexpected(std::string("given up before a signal was sent"));
    asked = true;
    const auto processes = take_pidfds(proc_path, uuid, name, *found);
    for (const auto& process : processes)
      if (pidfd_send_signal(process.fd.get(), SIGKILL, nullptr, 0) < 0 && errno != ESRCH)
        return tl::unexpected("process " + std::to_string(process.pid) + ": " + std::strerror(errno));
    std::string left;
    if (!wait_until_gone(processes, deadline, left)) return tl::unexpected(left);
    if (Clock::now() >= deadline) return tl::unexpected(std::string("new processes of it keep appearing"));
  }
}

}  // namespace haven::libvirt
