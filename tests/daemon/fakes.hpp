// The world outside of havend, as these tests have it: VMs are files in a folder, so that they outlive a havend; a
// fence device that does as it is told.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapter/libvirt/domain_links.hpp"
#include "adapter/libvirt/domain_xml.hpp"
#include "port/fence_device.hpp"
#include "port/hypervisor.hpp"
#include "port/storage.hpp"

namespace haven::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "haven-daemon-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void write_text(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
inline std::string read_text(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A file per running VM, named by its uuid; a line in `starts` for each start.
class FolderHypervisor final : public port::Hypervisor {
 public:
  FolderHypervisor(std::string folder, port::HypervisorSink sink) : folder_(std::move(folder)), sink_(std::move(sink)) {
    std::filesystem::create_directories(folder_ + "/running");
  }
  void start(CallId call, const std::string& xml, Duration) override {
    const auto uuid = libvirt::parse_domain_uuid(xml);
    if (!uuid || std::filesystem::exists(vm(*uuid))) return answer(call, port::CallResult::failed);
    write_text(vm(*uuid), "");
    const auto linked = libvirt::any_link_up(xml);
    if (linked && !*linked)
      unlinked.insert(*uuid);
    else
      unlinked.erase(*uuid);
    std::ofstream(folder_ + "/starts", std::ios::app) << *uuid << "\n";
    answer(call, port::CallResult::done);
  }
  void shutdown(CallId call, const std::string& uuid, Duration) override { end(call, uuid); }
  void destroy(CallId call, const std::string& uuid, Duration) override { end(call, uuid); }
  void resume(CallId call, const std::string&, Duration) override { answer(call, port::CallResult::done); }
  // It knows no other folder: where to is all that can be seen.
  void migrate(CallId call, const std::string& uuid, const std::string& to, Duration) override {
    sent.emplace_back(uuid, to);
    answer(call, port::CallResult::failed);
  }
  void cap(CallId call, const std::string&, std::optional<MilliCpu>, Duration) override {
    answer(call, port::CallResult::failed);
  }
  void set_links(CallId call, const std::string& uuid, bool up, Duration) override {
    if (up)
      unlinked.erase(uuid);
    else
      unlinked.insert(uuid);
    answer(call, port::CallResult::done);
  }
  void abort_migration(CallId call, const std::string&, Duration) override { answer(call, port::CallResult::failed); }
  void kill(CallId call, const std::string& uuid, const std::string&, Duration) override {
    kills.push_back(uuid);
    end(call, uuid);
  }
  void inspect(CallId call, Duration, const std::vector<std::string>&) override {
    port::Inspected seen{.call = call, .reached = true, .domains = {}, .processes = {}};
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/running")) {
      const std::string uuid = entry.path().filename().string();
      seen.domains.push_back({uuid, uuid, port::Driver::qemu, port::DomainState::running});
      seen.domains.back().linked = !unlinked.contains(uuid);
      seen.processes.push_back({uuid, uuid, 1});
    }
    sink_(seen);
  }
  // The guest's process ends by itself.
  void crash(const std::string& uuid) {
    std::filesystem::remove(vm(uuid));
    sink_(port::Lifecycle{uuid, uuid, port::LifecycleKind::failed});
  }
  std::vector<std::string> kills;
  std::vector<std::pair<std::string, std::string>> sent;  // uuid, address
  std::set<std::string> unlinked;                         // uuids whose links are down

 private:
  [[nodiscard]] std::string vm(const std::string& uuid) const { return folder_ + "/running/" + uuid; }
  void end(CallId call, const std::string& uuid) {
    std::filesystem::remove(vm(uuid));
    answer(call, port::CallResult::done);
  }
  void answer(CallId call, port::CallResult result) { sink_(port::CallDone{call, result, {}}); }
  std::string folder_;
  port::HypervisorSink sink_;
};

class ObedientFence final : public port::FenceDevice {
 public:
  explicit ObedientFence(port::FenceSink sink) : sink_(std::move(sink)) {}
  void run(CallId call, const port::FenceDeviceConfig& device, port::FenceVerb verb, Duration) override {
    runs.emplace_back(device.agent, verb);
    const bool status = verb == port::FenceVerb::status;
    sink_({call, status ? port::AgentAnswer::is_off : port::AgentAnswer::done, {}});
  }
  void cancel(CallId call) override { cancelled.push_back(call); }
  // An agent of this name does not exist.
  static inline const std::string kUnknown = "fence_nonsense";
  std::vector<std::string> validate(const port::FenceDeviceConfig& device, Duration) override {
    if (device.agent == kUnknown) return {"there is no agent " + kUnknown};
    return {};
  }
  std::vector<std::pair<std::string, port::FenceVerb>> runs;
  std::vector<CallId> cancelled;

 private:
  port::FenceSink sink_;
};

// Every path answers, but for those that a test has broken.
class HealthyStorage final : public port::Storage {
 public:
  explicit HealthyStorage(port::StorageSink sink) : sink_(std::move(sink)) {}
  void look(CallId call, std::vector<std::string> paths, Duration) override {
    std::erase_if(paths, [this](const std::string& path) { return !broken.contains(path); });
    sink_({call, std::move(paths)});
  }
  std::set<std::string> broken;

 private:
  port::StorageSink sink_;
};

inline std::string uuid_of(int n) { return "00000000-0000-4000-8000-00000000000" + std::to_string(n); }
inline std::string domain_xml(int n, const std::string& disk = {}) {
  std::string xml = "<domain type='qemu'><name>web" + std::to_string(n) + "</name><uuid>" + uuid_of(n) +
                    "</uuid><memory unit='MiB'>128</memory><vcpu>1</vcpu><os><type>hvm</type></os><devices>";
  if (!disk.empty()) {
    xml += "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='" + disk +
           "'/><target dev='vda' bus='virtio'/></disk>";
  }
  return xml + "</devices></domain>";
}

}  // namespace haven::test
