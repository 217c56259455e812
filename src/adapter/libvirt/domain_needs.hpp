// What a host must have for a domain to start there, as its XML names it. Read without libvirt.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace haven::libvirt {

// Kinds of needs, and what their names are.
namespace need {
inline constexpr const char* kNetwork = "network";  // of libvirt, active
inline constexpr const char* kLink = "link";        // a bridge or device of the host
inline constexpr const char* kPath = "path";        // a file, block device or directory: disk, ISO, kernel, loader
inline constexpr const char* kPool = "pool";        // of libvirt, active
inline constexpr const char* kVolume = "volume";    // pool/volume
inline constexpr const char* kMachine = "machine";  // "kvm x86_64 pc-q35-7.2"; "-": whatever
inline constexpr const char* kCpu = "cpu";          // "kvm x86_64 pc-q35-7.2 Skylake-Server"
inline constexpr const char* kSecret = "secret";    // a uuid, or "usage TYPE NAME"
inline constexpr const char* kPci = "pci";          // 0000:03:00.0
inline constexpr const char* kUsb = "usb";          // 1234:5678
inline constexpr const char* kMdev = "mdev";        // a uuid
inline constexpr const char* kUefi = "uefi";        // the file of its variables
inline constexpr const char* kTpm = "tpm";          // the folder of its state
}  // namespace need

struct DomainNeed {
  std::string kind;
  std::string name;
  friend auto operator<=>(const DomainNeed&, const DomainNeed&) = default;
};

// Each once, in the XML's order. The error is that of parse_domain.
[[nodiscard]] tl::expected<std::vector<DomainNeed>, std::string> needs_of(std::string_view domain_xml);

}  // namespace haven::libvirt
