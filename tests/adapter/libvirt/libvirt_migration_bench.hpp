// Migration between two real libvirtds, in the clear or by TLS.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "adapter/libvirt/certificates.hpp"
#include "adapter/libvirt/hypervisor.hpp"
#include "adapter/libvirt/migration_contract.hpp"
#include "adapter/libvirt/peer_libvirtd.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"
#include "adapter/libvirt/processes.hpp"

namespace haven::testing {

// What either host has under /etc/pki. None at all: they talk in the clear.
struct TlsHosts {
  Pki source, destination;
};

class LibvirtMigrationBench final : public MigrationBench {
 public:
  explicit LibvirtMigrationBench(bool slowly, const std::optional<TlsHosts>& tls = std::nullopt)
      : pki_(tls ? std::make_unique<PrivatePki>(tls->source) : nullptr),
        peer_(tls ? PeerLibvirtd::Listens::tcp_and_tls : PeerLibvirtd::Listens::tcp,
              [&tls] { return !tls || cover_pki(tls->destination); }),
        source_(sending(slowly, tls.has_value()), source_heard_.sink()),
        slowly_(slowly) {}
  MigrationEnd source() override { return {source_, source_heard_}; }
  MigrationEnd destination() override { return {destination_, destination_heard_}; }
  std::string domain(const std::string& uuid, const std::string& name) override {
    return slowly_ ? with_much_in_memory(qemu_domain(uuid, name)) : qemu_domain(uuid, name);
  }
  std::string linked_domain(const std::string& uuid, const std::string& name) override {
    std::string xml = qemu_domain(uuid, name);
    return xml.insert(xml.find("</devices>"), "<interface type='user'><model type='virtio'/></interface>");
  }
  std::string address() override { return PeerLibvirtd::kAddress; }
  std::string nobodys_address() override { return PeerLibvirtd::kAddress + ":9"; }
  // The youngest of both is the one that came in.
  void end_destination() override {
    peer_.end();
    const auto found = libvirt::find_vm_processes("/proc");
    ASSERT_TRUE(found);
    int youngest = 0;
    for (const auto& process : *found) youngest = std::max(youngest, process.pid);
    ASSERT_EQ(::kill(youngest, SIGKILL), 0);
  }

 private:
  // What is zero goes over at once: something that both hosts have is loaded into its memory, some 20 MB.
  static std::string with_much_in_memory(std::string xml) {
    const auto put = [&](const std::string& place, const std::string& text) {
      xml.replace(xml.find(place), place.size(), text);
    };
    put("<domain ", "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ");
    put("<memory unit='MiB'>32<", "<memory unit='MiB'>128<");
    put("</domain>",
        "<qemu:commandline><qemu:arg value='-device'/>"
        "<qemu:arg value='loader,file=/usr/bin/qemu-system-x86_64,addr=0x2000000,force-raw=on'/>"
        "</qemu:commandline></domain>");
    return xml;
  }
  static libvirt::LibvirtConfig sending(bool slowly, bool tls) {
    libvirt::LibvirtConfig config;
    config.migration.tls = tls;
    if (slowly) config.migration.bandwidth_per_second = MiB{1};
    return config;
  }

  std::unique_ptr<PrivatePki> pki_;  // before the daemon that reads it
  PrivateLibvirtd libvirtd_;
  PeerLibvirtd peer_;
  Heard source_heard_, destination_heard_;
  libvirt::LibvirtHypervisor source_;
  libvirt::LibvirtHypervisor destination_{{"qemu+tcp://" + PeerLibvirtd::kAddress + "/system", "", "/proc", {}},
                                          destination_heard_.sink()};
  const bool slowly_;
};

}  // namespace haven::testing
