#include "adapter/libvirt/domain_needs.hpp"

#include <algorithm>
#include <cstdlib>

#include "adapter/libvirt/domain_xml.hpp"
#include "adapter/libvirt/xml_nodes.hpp"

namespace haven::libvirt {
namespace {

using xml::attribute;
using xml::child;
using xml::child_text;
using xml::content;
using xml::is;

// Where libvirt keeps what it makes itself, unless it was built otherwise.
constexpr const char* kVariablesFolder = "/var/lib/libvirt/qemu/nvram/";
constexpr const char* kTpmFolder = "/var/lib/libvirt/swtpm/";

class Needs {
 public:
  void add(const char* kind, std::string name) {
    DomainNeed need{kind, std::move(name)};
    if (!need.name.empty() && std::find(all_.begin(), all_.end(), need) == all_.end()) all_.push_back(std::move(need));
  }
  [[nodiscard]] std::vector<DomainNeed> take() { return std::move(all_); }

 private:
  std::vector<DomainNeed> all_;
};

// Hexadecimal digits of a number that XML spells as 0x3 or 3.
std::string hex(const std::string& written, std::size_t digits) {
  constexpr const char* kDigits = "0123456789abcdef";
  unsigned long value = std::strtoul(written.c_str(), nullptr, 0);
  std::string text;
  for (std::size_t i = 0; i < digits; ++i) {
    text.insert(text.begin(), kDigits[value % 16]);
    value /= 16;
  }
  return text;
}

void add_secret(Needs& needs, const xmlNode* secret) {
  if (secret == nullptr) return;
  if (const auto uuid = attribute(secret, "uuid"); !uuid.empty()) return needs.add(need::kSecret, uuid);
  const auto usage = attribute(secret, "usage");
  if (!usage.empty()) needs.add(need::kSecret, "usage " + attribute(secret, "type") + " " + usage);
}

void add_disk(Needs& needs, const xmlNode* disk) {
  const xmlNode* source = child(disk, "source");
  const std::string type = attribute(disk, "type");
  // Libvirt leaves an optional medium out where it is not there.
  const bool optional = attribute(source, "startupPolicy") == "optional";
  if (type == "volume") {
    needs.add(need::kPool, attribute(source, "pool"));
    if (!optional) needs.add(need::kVolume, attribute(source, "pool") + "/" + attribute(source, "volume"));
  } else if (type != "network" && !optional) {
    for (const char* name : {"file", "dev", "dir"}) needs.add(need::kPath, attribute(source, name));
  }
  for (const xmlNode* holder : {disk, source})
    for (const char* kind : {"auth", "encryption"}) add_secret(needs, child(child(holder, kind), "secret"));
}

void add_address(Needs& needs, const xmlNode* source) {
  const xmlNode* address = child(source, "address");
  if (address == nullptr) return;
  if (const auto uuid = attribute(address, "uuid"); !uuid.empty()) return needs.add(need::kMdev, uuid);
  if (attribute(address, "slot").empty()) return;
  needs.add(need::kPci, hex(attribute(address, "domain"), 4) + ":" + hex(attribute(address, "bus"), 2) + ":" +
                            hex(attribute(address, "slot"), 2) + "." + hex(attribute(address, "function"), 1));
}

void add_passed_through(Needs& needs, const xmlNode* device) {
  const xmlNode* source = child(device, "source");
  const auto vendor = attribute(child(source, "vendor"), "id");
  if (!vendor.empty()) needs.add(need::kUsb, hex(vendor, 4) + ":" + hex(attribute(child(source, "product"), "id"), 4));
  add_address(needs, source);
}

void add_interface(Needs& needs, const xmlNode* interface) {
  const xmlNode* source = child(interface, "source");
  const std::string type = attribute(interface, "type");
  if (type == "network") needs.add(need::kNetwork, attribute(source, "network"));
  if (type == "bridge") needs.add(need::kLink, attribute(source, "bridge"));
  if (type == "direct") needs.add(need::kLink, attribute(source, "dev"));
  if (type == "hostdev") add_address(needs, source);
}

void add_devices(Needs& needs, const xmlNode* domain, const std::string& uuid) {
  const xmlNode* devices = child(domain, "devices");
  for (const xmlNode* node = devices ? devices->children : nullptr; node != nullptr; node = node->next) {
    if (is(node, "emulator")) needs.add(need::kPath, content(node));
    if (is(node, "disk")) add_disk(needs, node);
    if (is(node, "interface")) add_interface(needs, node);
    if (is(node, "hostdev")) add_passed_through(needs, node);
    if (is(node, "filesystem"))
      for (const char* name : {"dir", "file", "dev"}) needs.add(need::kPath, attribute(child(node, "source"), name));
    if (!is(node, "tpm")) continue;
    const xmlNode* backend = child(node, "backend");
    if (attribute(backend, "type") == "emulator") needs.add(need::kTpm, kTpmFolder + uuid);
    if (attribute(backend, "type") == "passthrough")
      needs.add(need::kPath, attribute(child(backend, "device"), "path"));
  }
}

void add_boot(Needs& needs, const xmlNode* domain, const std::string& name) {
  const xmlNode* os = child(domain, "os");
  for (const char* part : {"kernel", "initrd", "dtb"}) needs.add(need::kPath, child_text(os, part));
  const xmlNode* loader = child(os, "loader");
  needs.add(need::kPath, content(loader));
  const std::string variables = child_text(os, "nvram");
  const bool uefi = attribute(os, "firmware") == "efi" || attribute(loader, "type") == "pflash";
  if (!variables.empty())
    needs.add(need::kUefi, variables);
  else if (uefi)
    needs.add(need::kUefi, kVariablesFolder + name + "_VARS.fd");
}

void add_machine(Needs& needs, const xmlNode* domain, const std::string& type) {
  const xmlNode* written = child(child(domain, "os"), "type");
  const auto or_any = [](const std::string& word) { return word.empty() ? "-" : word; };
  const std::string kind =
      type + " " + or_any(attribute(written, "arch")) + " " + or_any(attribute(written, "machine"));
  needs.add(need::kMachine, kind);
  const xmlNode* cpu = child(domain, "cpu");
  const std::string mode = attribute(cpu, "mode");
  const std::string model = child_text(cpu, "model");
  const bool checked = attribute(cpu, "check") != "none";
  if ((mode.empty() || mode == "custom") && checked && !model.empty()) needs.add(need::kCpu, kind + " " + model);
}

}  // namespace

tl::expected<std::vector<DomainNeed>, std::string> needs_of(std::string_view domain_xml) {
  const auto facts = parse_domain(domain_xml);
  if (!facts) return tl::unexpected(facts.error());
  const auto document = xml::read_document(domain_xml, "domain");
  if (!document) return tl::unexpected(document.error());
  const xmlNode* domain = xmlDocGetRootElement(document->get());
  Needs needs;
  if (facts->driver == port::Driver::qemu) {
    add_machine(needs, domain, facts->type);
    add_boot(needs, domain, facts->name);
  }
  add_devices(needs, domain, facts->uuid);
  return needs.take();
}

}  // namespace haven::libvirt
