// What Haven needs to know of a domain before it runs: read from libvirt's domain XML, without libvirt.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "core/model/units.hpp"
#include "port/hypervisor.hpp"

namespace haven::libvirt {

// Longer XML is refused unread: no real domain comes near, and the libvirt hook holds it in memory.
inline constexpr std::size_t kMaxXmlBytes = std::size_t{1} << 20;

struct Disk {
  std::string target;       // the guest's name for it: vda
  std::string device;       // disk, cdrom, floppy, lun
  std::string path;         // file, block device or directory on the host; empty: none, or not on the host
  std::string protocol;     // rbd, iscsi, nbd...; for a storage volume "volume"; empty: on the host
  std::string source_name;  // with a protocol: the image's name there; of a volume "pool/volume"
  std::string cache;        // as written; empty: not said, and QEMU then uses the page cache
  bool readonly = false;    // a cdrom always is
  bool shareable = false;
  bool removable = false;  // cdrom, floppy, or marked so: may be empty
};

struct DomainFacts {
  std::string uuid;  // lower case, with hyphens
  std::string name;
  std::string type;  // as written: qemu, kvm, lxc
  port::Driver driver = port::Driver::qemu;
  Vcpu vcpus;  // the most that it may use; 1 where the XML is silent
  MiB memory;  // rounded up; NUMA cells and DIMMs counted as libvirt does
  std::vector<Disk> disks;
  std::vector<std::string> filesystems;          // host directories that it mounts: a container's root and more
  std::vector<std::string> links;                // bridges and devices of this host that its network goes by, each once
  std::string on_poweroff, on_reboot, on_crash;  // as written; empty: libvirt's own (destroy, restart, destroy)
  bool agent = false;                            // it has a channel to QEMU's guest agent
  std::vector<std::string> boot_files;           // kernel, initrd, device tree: must exist where it starts
};

// The error says what is wrong and what would be right. A document type (and with it every entity) is refused.
[[nodiscard]] tl::expected<DomainFacts, std::string> parse_domain(std::string_view xml);

// Only the uuid; the error as above. For the libvirt hook.
[[nodiscard]] tl::expected<std::string, std::string> parse_domain_uuid(std::string_view xml);

// The host's uuid, from libvirt's capabilities.
[[nodiscard]] tl::expected<std::string, std::string> parse_host_uuid(std::string_view capabilities);

// A uuid as libvirt writes it (lower case, with hyphens); empty if `text` is none. With or without hyphens.
[[nodiscard]] std::string canonical_uuid(std::string_view text);

// What keeps the domain from being run where Haven may want to: paths that are not on this host, and, with
// `many_hosts`, cache modes that keep written data in one host's memory (PROTOCOL C7). A sentence each; empty: none.
[[nodiscard]] std::vector<std::string> portability_problems(const DomainFacts& facts, bool many_hosts);

// What libvirt would do of its own accord when the guest ends, where that is Haven's to decide. A sentence each, with
// what would be right; empty: nothing.
[[nodiscard]] std::vector<std::string> rivalries(const DomainFacts& facts);

// Why a live move may damage the guest's memory, in a sentence with what would be right; empty: it does not.
//
// QEMU before 9.0 loses writes of a guest that it emulates while it sends it: it clears the dirty bits of memory and
// leaves the emulated processor to think that they are still set ("physmem: Fix migration dirty bitmap coherency with
// TCG memory access", QEMU 9.0). Under KVM the kernel keeps these bits.
[[nodiscard]] std::string loss_in_live_moves(const DomainFacts& facts);

}  // namespace haven::libvirt
