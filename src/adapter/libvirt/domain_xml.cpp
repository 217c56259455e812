#include "adapter/libvirt/domain_xml.hpp"

#include <libxml/parser.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>

#include "adapter/libvirt/xml_nodes.hpp"

namespace haven::libvirt {
namespace {

using Failure = tl::unexpected<std::string>;
using xml::attribute;
using xml::child;
using xml::child_text;
using xml::content;
using xml::is;
using xml::read_document;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string lowered(std::string text) {
  for (char& c : text) c = lower(c);
  return text;
}

// Bytes of one unit as libvirt spells it (virScaleInteger): a letter alone or with iB counts by 1024, with B by 1000.
std::optional<std::uint64_t> unit_bytes(const std::string& written) {
  const std::string unit = lowered(written);
  if (unit.empty()) return 1024;
  if (unit == "b" || unit == "byte" || unit == "bytes") return 1;
  const std::string_view letters = "kmgtpe";
  const auto power = letters.find(unit[0]);
  const std::string rest = unit.substr(1);
  if (power == std::string_view::npos || (!rest.empty() && rest != "ib" && rest != "b")) return std::nullopt;
  std::uint64_t bytes = 1;
  for (std::size_t i = 0; i <= power; ++i) bytes *= rest == "b" ? 1000 : 1024;
  return bytes;
}

tl::expected<std::uint64_t, std::string> bytes_of(const std::string& amount, const std::string& unit,
                                                  const std::string& where) {
  const auto count = number(amount);
  if (!count) return Failure(where + " is '" + amount + "': a whole number is needed");
  const auto scale = unit_bytes(unit);
  if (!scale) return Failure(where + " has the unit '" + unit + "': KiB, MiB or GiB, for example, would be right");
  if (*count > std::numeric_limits<std::int64_t>::max() / *scale)
    return Failure(where + " is '" + amount + " " + unit + "': too much");
  return *count * *scale;
}

// Sum over NUMA cells and DIMMs where there are cells, as libvirt computes it when a domain starts; else <memory>.
tl::expected<MiB, std::string> memory_of(const xmlNode* domain) {
  std::uint64_t total = 0;
  if (const xmlNode* numa = child(child(domain, "cpu"), "numa")) {
    for (const xmlNode* cell = numa->children; cell != nullptr; cell = cell->next) {
      if (!is(cell, "cell")) continue;
      const auto bytes = bytes_of(attribute(cell, "memory"), attribute(cell, "unit"), "the memory of a NUMA <cell>");
      if (!bytes) return Failure(bytes.error());
      total += *bytes;
    }
    const xmlNode* devices = child(domain, "devices");
    for (const xmlNode* dimm = devices ? devices->children : nullptr; dimm != nullptr; dimm = dimm->next) {
      if (!is(dimm, "memory")) continue;
      const xmlNode* size = child(child(dimm, "target"), "size");
      const auto bytes = bytes_of(content(size), attribute(size, "unit"), "the <size> of a memory device");
      if (!bytes) return Failure(bytes.error());
      total += *bytes;
    }
  }
  if (total == 0) {
    const xmlNode* memory = child(domain, "memory");
    if (memory == nullptr) return Failure("<memory> is missing: <memory unit='MiB'>512</memory> would be right");
    const auto bytes = bytes_of(content(memory), attribute(memory, "unit"), "<memory>");
    if (!bytes) return Failure(bytes.error());
    total = *bytes;
  }
  if (total == 0) return Failure("<memory> is 0: a domain needs some");
  constexpr std::uint64_t mib = std::uint64_t{1} << 20;
  return MiB{static_cast<std::int64_t>(total / mib + (total % mib != 0 ? 1 : 0))};
}

Disk disk_of(const xmlNode* node) {
  Disk disk;
  const xmlNode* source = child(node, "source");
  const std::string type = attribute(node, "type");
  disk.target = attribute(child(node, "target"), "dev");
  disk.device = attribute(node, "device");
  if (disk.device.empty()) disk.device = "disk";
  if (type == "network") {
    disk.protocol = attribute(source, "protocol");
    disk.source_name = attribute(source, "name");
  } else if (type == "volume") {
    disk.protocol = "volume";
    disk.source_name = attribute(source, "pool") + "/" + attribute(source, "volume");
  } else if (type == "nvme" || type == "vhostuser" || type == "vhostvdpa") {
    disk.protocol = type;
  } else {
    disk.path = attribute(source, type == "block" ? "dev" : type == "dir" ? "dir" : "file");
  }
  disk.cache = attribute(child(node, "driver"), "cache");
  if (disk.cache == "default") disk.cache.clear();
  disk.readonly = child(node, "readonly") != nullptr || disk.device == "cdrom";
  disk.shareable = child(node, "shareable") != nullptr;
  disk.removable =
      disk.device == "cdrom" || disk.device == "floppy" || attribute(child(node, "target"), "removable") == "on";
  return disk;
}

// The host's end of an interface; empty: none that the kernel's bridges tell about.
std::string link_of(const xmlNode* interface) {
  const xmlNode* source = child(interface, "source");
  const std::string type = attribute(interface, "type");
  if (attribute(child(interface, "virtualport"), "type") == "openvswitch") return {};
  if (type == "bridge") return attribute(source, "bridge");
  if (type == "direct") return attribute(source, "dev");
  return {};
}

void read_devices(const xmlNode* domain, DomainFacts& facts) {
  const xmlNode* devices = child(domain, "devices");
  for (const xmlNode* node = devices ? devices->children : nullptr; node != nullptr; node = node->next) {
    if (is(node, "disk")) facts.disks.push_back(disk_of(node));
    if (is(node, "channel")) facts.agent |= attribute(child(node, "target"), "name") == "org.qemu.guest_agent.0";
    if (is(node, "interface")) {
      const std::string link = link_of(node);
      const bool known = std::find(facts.links.begin(), facts.links.end(), link) != facts.links.end();
      if (!link.empty() && !known) facts.links.push_back(link);
    }
    if (!is(node, "filesystem")) continue;
    const xmlNode* source = child(node, "source");
    for (const char* name : {"dir", "file", "dev"})
      if (auto path = attribute(source, name); !path.empty()) facts.filesystems.push_back(std::move(path));
  }
  for (const char* name : {"kernel", "initrd", "dtb"})
    if (auto path = child_text(child(domain, "os"), name); !path.empty()) facts.boot_files.push_back(std::move(path));
}

tl::expected<std::string, std::string> uuid_of(const xmlNode* domain) {
  const std::string written = child_text(domain, "uuid");
  if (written.empty())
    return Failure("<uuid> is missing: without one libvirt makes up a new one at each start; `uuidgen` prints one");
  std::string uuid = canonical_uuid(written);
  if (uuid.empty())
    return Failure("<uuid> is '" + written + "': 32 hexadecimal digits, as `uuidgen` prints them, would be right");
  return uuid;
}

// Empty: it is there; else what stat says of it.
std::string absence(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) return "";
  return path + (error ? " cannot be reached on this host: " + error.message() : " does not exist on this host");
}

}  // namespace

tl::expected<xml::Document, std::string> xml::read_document(std::string_view text, const char* root_name) {
  if (text.size() > kMaxXmlBytes) return Failure("longer than 1 MiB: this is no domain XML");
  static const bool once = (xmlInitParser(), true);
  (void)once;
  const std::unique_ptr<xmlParserCtxt, decltype(&xmlFreeParserCtxt)> parser(xmlNewParserCtxt(), &xmlFreeParserCtxt);
  xml::Document document(xmlCtxtReadMemory(parser.get(), text.data(), static_cast<int>(text.size()), "domain.xml",
                                           nullptr, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING),
                         &xmlFreeDoc);
  if (!document) {
    const xmlError* error = xmlCtxtGetLastError(parser.get());
    if (error == nullptr || error->message == nullptr) return Failure("not well-formed XML");
    return Failure("line " + std::to_string(error->line) + ": " + trimmed(error->message));
  }
  // Entities live in a document type only; domain XML has none, so nothing is ever expanded.
  if (document->intSubset != nullptr || document->extSubset != nullptr)
    return Failure("it has a <!DOCTYPE>: domain XML has none");
  const xmlNode* root = xmlDocGetRootElement(document.get());
  if (!is(root, root_name))
    return Failure("it starts with <" + std::string(reinterpret_cast<const char*>(root->name)) + ">: <" + root_name +
                   "> would be right");
  return document;
}

std::string canonical_uuid(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c == '-') continue;
    const char digit = lower(c);
    if ((digit < '0' || digit > '9') && (digit < 'a' || digit > 'f')) return {};
    digits += digit;
  }
  if (digits.size() != 32) return {};
  for (const std::size_t at : {20U, 16U, 12U, 8U}) digits.insert(at, 1, '-');
  return digits;
}

tl::expected<std::string, std::string> parse_domain_uuid(std::string_view xml) {
  const auto document = read_document(xml, "domain");
  if (!document) return Failure(document.error());
  return uuid_of(xmlDocGetRootElement(document->get()));
}

tl::expected<std::string, std::string> parse_host_uuid(std::string_view capabilities) {
  const auto document = read_document(capabilities, "capabilities");
  if (!document) return Failure(document.error());
  std::string uuid = canonical_uuid(child_text(child(xmlDocGetRootElement(document->get()), "host"), "uuid"));
  if (uuid.empty()) return Failure("libvirt tells no uuid of this host");
  return uuid;
}

tl::expected<DomainFacts, std::string> parse_domain(std::string_view xml) {
  const auto document = read_document(xml, "domain");
  if (!document) return Failure(document.error());
  const xmlNode* domain = xmlDocGetRootElement(document->get());
  DomainFacts facts;
  facts.type = attribute(domain, "type");
  if (facts.type == "lxc") {
    facts.driver = port::Driver::lxc;
  } else if (facts.type != "qemu" && facts.type != "kvm") {
    return Failure("<domain type='" + facts.type +
                   "'> is of a type that Haven does not run: kvm, qemu or lxc would be right");
  }
  facts.name = child_text(domain, "name");
  if (facts.name.empty()) return Failure("<name> is missing or empty: <name>web1</name>, for example, would be right");
  if (facts.name.find('/') != std::string::npos)
    return Failure("<name> is '" + facts.name + "': libvirt allows no '/' in it");
  auto uuid = uuid_of(domain);
  if (!uuid) return Failure(uuid.error());
  facts.uuid = std::move(*uuid);
  const auto memory = memory_of(domain);
  if (!memory) return Failure(memory.error());
  facts.memory = *memory;
  facts.vcpus = Vcpu{1};
  if (const std::string vcpus = child_text(domain, "vcpu"); !vcpus.empty()) {
    const auto count = number(vcpus);
    if (!count || *count == 0 || *count > std::numeric_limits<std::uint16_t>::max())
      return Failure("<vcpu> is '" + vcpus + "': a whole number of processors, at least 1, would be right");
    facts.vcpus = Vcpu{static_cast<std::int64_t>(*count)};
  }
  facts.on_poweroff = child_text(domain, "on_poweroff");
  facts.on_reboot = child_text(domain, "on_reboot");
  facts.on_crash = child_text(domain, "on_crash");
  read_devices(domain, facts);
  return facts;
}

std::vector<std::string> rivalries(const DomainFacts& facts) {
  std::vector<std::string> sentences;
  const auto tell = [&](const std::string& element, const std::string& word, const std::string& what,
                        const std::string& right) {
    sentences.push_back("<" + element + ">" + word + "</" + element + ">: " + what + "; <" + element + ">" + right +
                        "</" + element + "> would be right");
  };
  if (!facts.on_poweroff.empty() && facts.on_poweroff != "destroy")
    tell("on_poweroff", facts.on_poweroff,
         "libvirt keeps or restarts a guest that switches itself off, on_poweroff is not asked", "destroy");
  if (!facts.on_reboot.empty() && facts.on_reboot != "restart")
    tell("on_reboot", facts.on_reboot, "a guest that reboots ends, and looks like one that failed", "restart");
  const bool restarts =
      facts.on_crash == "restart" || facts.on_crash == "coredump-restart" || facts.on_crash == "rename-restart";
  if (restarts)
    tell("on_crash", facts.on_crash, "libvirt restarts a guest that panics, over and over, and no failure is counted",
         "destroy");
  return sentences;
}

std::string loss_in_live_moves(const DomainFacts& facts) {
  if (facts.type != "qemu") return "";
  return "<domain type='qemu'>: an emulated guest may lose writes to its memory in a live move by QEMU before 9.0; "
         "live_migration = false would move it by stop and start";
}

std::vector<std::string> portability_problems(const DomainFacts& facts, bool many_hosts) {
  std::vector<std::string> problems;
  for (const Disk& disk : facts.disks) {
    const std::string label = "disk " + (disk.target.empty() ? disk.path : disk.target);
    if (disk.path.empty() && disk.protocol.empty() && !disk.removable)
      problems.push_back(label + ": it has no <source>");
    if (const auto gone = disk.path.empty() ? "" : absence(disk.path); !gone.empty())
      problems.push_back(label + ": " + gone);
    const bool keeps_writes = !disk.readonly && disk.cache != "none" && disk.cache != "directsync";
    if (many_hosts && keeps_writes)
      problems.push_back(label + ": cache " + (disk.cache.empty() ? "is not said" : "is '" + disk.cache + "'") +
                         ", so that written data may stay in one host's memory while the VM runs on another; <driver "
                         "cache='none'/> or cache='directsync' would be right");
  }
  for (const auto& path : facts.filesystems)
    if (const auto gone = absence(path); !gone.empty()) problems.push_back("filesystem: " + gone);
  for (const auto& path : facts.boot_files)
    if (const auto gone = absence(path); !gone.empty()) problems.push_back("boot file: " + gone);
  return problems;
}

}  // namespace haven::libvirt
