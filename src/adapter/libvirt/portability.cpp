#include "adapter/libvirt/portability.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/domain_needs.hpp"
#include "adapter/libvirt/within.hpp"
#include "adapter/libvirt/xml_nodes.hpp"

namespace haven::libvirt {
namespace {

namespace fs = std::filesystem;

// Empty: it is there.
using Finding = std::string;
using Failure = tl::unexpected<std::string>;

// A path that cannot be looked at just now is no missing one: whether a disk can be read is asked elsewhere, and often
// (B1, C7).
bool there(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error) || error;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool has_usb(const std::string& sys, const std::string& vendor_product) {
  std::error_code error;
  for (const auto& device : fs::directory_iterator(sys + "/bus/usb/devices", error))
    if (first_line(device.path() / "idVendor") + ":" + first_line(device.path() / "idProduct") == vendor_product)
      return true;
  return false;
}

// Any of libvirt's objects, by the function that frees it.
template <class Object, int (*Free)(Object*)>
struct Freed {
  void operator()(Object* object) const { (void)Free(object); }
};
using NetworkRef = std::unique_ptr<virNetwork, Freed<virNetwork, virNetworkFree>>;
using PoolRef = std::unique_ptr<virStoragePool, Freed<virStoragePool, virStoragePoolFree>>;
using VolumeRef = std::unique_ptr<virStorageVol, Freed<virStorageVol, virStorageVolFree>>;
using SecretRef = std::unique_ptr<virSecret, Freed<virSecret, virSecretFree>>;

class Host {
 public:
  explicit Host(const PortabilityConfig& config) : config_(config) {}

  // The error: libvirt cannot be asked. Networks, pools and secrets are the same by whichever driver.
  tl::expected<void, std::string> open() {
    for (const auto& uri : {config_.libvirt.qemu_uri, config_.libvirt.lxc_uri}) {
      if (connected_ || uri.empty()) continue;
      const auto failure = connection_.ensure(uri);
      if (failure && !failure->driver_absent) return Failure(failure->message);
      connected_ = !failure;
    }
    return {};
  }

  // False: what libvirt said last may be that it went away, and not that it lacks anything.
  [[nodiscard]] bool still_asked() const { return !connected_ || virConnectIsAlive(connection_.get()) == 1; }

  [[nodiscard]] Finding lacks(const std::string& kind, const std::string& name) {
    if (kind == need::kPath) return there(name) ? "" : name + " does not exist here";
    if (kind == need::kLink)
      return there(config_.sys + "/class/net/" + name) ? "" : "there is no bridge or device " + name;
    if (kind == need::kPci)
      return there(config_.sys + "/bus/pci/devices/" + name) ? "" : "there is no PCI device " + name;
    if (kind == need::kMdev)
      return there(config_.sys + "/bus/mdev/devices/" + name) ? "" : "there is no mediated device " + name;
    if (kind == need::kUsb) return has_usb(config_.sys, name) ? "" : "there is no USB device " + name;
    if (kind == need::kUefi) return there(name) ? "" : "its UEFI variables are kept in " + name + ", which is not here";
    if (kind == need::kTpm) return there(name) ? "" : "its TPM's state is kept in " + name + ", which is not here";
    if (!connected_) return "this host has no libvirt driver that Haven knows";
    if (kind == need::kNetwork) return lacks_network(name);
    if (kind == need::kPool) return lacks_pool(name);
    if (kind == need::kVolume) return lacks_volume(name);
    if (kind == need::kSecret) return lacks_secret(name);
    if (kind == need::kMachine) return lacks_machine(name);
    if (kind == need::kCpu) return lacks_cpu(name);
    return "this havend does not know what a " + kind + " is (" + name + ")";
  }

 private:
  [[nodiscard]] Finding lacks_network(const std::string& name) {
    const NetworkRef network(virNetworkLookupByName(connection_.get(), name.c_str()));
    if (!network) return "there is no network " + name;
    return virNetworkIsActive(network.get()) == 1 ? "" : "the network " + name + " is not active";
  }
  [[nodiscard]] Finding lacks_pool(const std::string& name) {
    const PoolRef pool(virStoragePoolLookupByName(connection_.get(), name.c_str()));
    if (!pool) return "there is no storage pool " + name;
    return virStoragePoolIsActive(pool.get()) == 1 ? "" : "the storage pool " + name + " is not active";
  }
  [[nodiscard]] Finding lacks_volume(const std::string& name) {
    const auto slash = name.find('/');
    const PoolRef pool(virStoragePoolLookupByName(connection_.get(), name.substr(0, slash).c_str()));
    // That is said of the pool itself.
    if (!pool || virStoragePoolIsActive(pool.get()) != 1) return "";
    const VolumeRef volume(virStorageVolLookupByName(pool.get(), name.substr(slash + 1).c_str()));
    return volume ? "" : "the storage pool " + name.substr(0, slash) + " has no volume " + name.substr(slash + 1);
  }
  [[nodiscard]] Finding lacks_secret(const std::string& name) {
    std::istringstream words(name);
    std::string first;
    std::string type;
    std::string usage;
    words >> first >> type >> usage;
    static const std::map<std::string, int> kTypes = {{"volume", VIR_SECRET_USAGE_TYPE_VOLUME},
                                                      {"ceph", VIR_SECRET_USAGE_TYPE_CEPH},
                                                      {"iscsi", VIR_SECRET_USAGE_TYPE_ISCSI},
                                                      {"tls", VIR_SECRET_USAGE_TYPE_TLS}};
    const auto known = kTypes.find(type);
    const SecretRef secret(first != "usage" ? virSecretLookupByUUIDString(connection_.get(), name.c_str())
                           : known == kTypes.end()
                               ? nullptr
                               : virSecretLookupByUsage(connection_.get(), known->second, usage.c_str()));
    return secret ? "" : "libvirt has no secret " + (first == "usage" ? "for " + type + " " + usage : name);
  }

  struct Kind {
    std::string type, arch, machine, model;
  };
  static Kind kind_of(const std::string& name) {
    Kind kind;
    std::istringstream(name) >> kind.type >> kind.arch >> kind.machine >> kind.model;
    if (kind.arch == "-") kind.arch.clear();
    if (kind.machine == "-") kind.machine.clear();
    return kind;
  }
  // nullptr: this machine cannot be run here; libvirt's last error says why.
  const std::string* capabilities(const Kind& kind) {
    const std::string key = kind.type + " " + kind.arch + " " + kind.machine;
    const auto known = capabilities_.find(key);
    if (known != capabilities_.end()) return known->second ? &*known->second : nullptr;
    const auto or_any = [](const std::string& word) { return word.empty() ? nullptr : word.c_str(); };
    char* text = virConnectGetDomainCapabilities(connection_.get(), nullptr, or_any(kind.arch), or_any(kind.machine),
                                                 kind.type.c_str(), 0);
    auto& entry = capabilities_[key];
    if (text != nullptr) entry = std::string(text);
    std::free(text);
    return entry ? &*entry : nullptr;
  }
  [[nodiscard]] Finding lacks_machine(const std::string& name) {
    const Kind kind = kind_of(name);
    if (capabilities(kind) != nullptr) return "";
    return "libvirt cannot run a " + kind.type + " machine" + (kind.machine.empty() ? "" : " " + kind.machine) +
           (kind.arch.empty() ? "" : " (" + kind.arch + ")") + " here";
  }
  [[nodiscard]] Finding lacks_cpu(const std::string& name) {
    const Kind kind = kind_of(name);
    const std::string* text = capabilities(kind);
    if (text == nullptr) return "";  // that is said of the machine itself
    const auto document = xml::read_document(*text, "domainCapabilities");
    if (!document) return "";
    const xmlNode* cpu = xml::child(xmlDocGetRootElement(document->get()), "cpu");
    for (const xmlNode* mode = cpu ? cpu->children : nullptr; mode != nullptr; mode = mode->next) {
      if (!xml::is(mode, "mode") || xml::attribute(mode, "name") != "custom") continue;
      for (const xmlNode* model = mode->children; model != nullptr; model = model->next)
        if (xml::is(model, "model") && xml::content(model) == kind.model)
          // What TCG makes up, it makes up without some features too.
          return kind.type == "kvm" && xml::attribute(model, "usable") == "no"
                     ? "its processors cannot be a " + kind.model
                     : "";
    }
    return "its processors cannot be a " + kind.model;
  }

  const PortabilityConfig& config_;
  Connection connection_;
  bool connected_ = false;
  std::map<std::string, std::optional<std::string>> capabilities_;
};

tl::expected<std::vector<Unfit>, std::string> look(const PortabilityConfig& config, const std::vector<Need>& needs) {
  Host host(config);
  if (const auto open = host.open(); !open) return Failure(open.error());
  std::map<ResourceName, Unfit> unfit;
  for (const Need& need : needs) {
    const Finding finding = host.lacks(need.kind, need.name);
    if (finding.empty()) continue;
    const bool state = need.kind == need::kUefi || need.kind == need::kTpm;
    for (const ResourceName& resource : need.resources) {
      const auto [it, fresh] = unfit.try_emplace(resource, Unfit{resource, finding, state});
      if (fresh) continue;
      it->second.why += "; " + finding;
      it->second.state = it->second.state && state;
    }
  }
  if (!unfit.empty() && !host.still_asked()) return Failure(std::string("libvirt went away while it was asked"));
  std::vector<Unfit> list;
  list.reserve(unfit.size());
  for (auto& [name, one] : unfit) list.push_back(std::move(one));
  return list;
}

}  // namespace

tl::expected<std::vector<Unfit>, std::string> lacking(const PortabilityConfig& config, const std::vector<Need>& needs,
                                                      Duration timeout) {
  return within<std::vector<Unfit>>(timeout, [config, needs] { return look(config, needs); });
}

}  // namespace haven::libvirt
