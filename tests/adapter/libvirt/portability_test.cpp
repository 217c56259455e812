// What this host lacks for domains to run, under a real libvirtd; and what runs here that is nobody's resource.
#include "adapter/libvirt/portability.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>

#include <filesystem>
#include <fstream>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/domain_needs.hpp"
#include "adapter/libvirt/heard.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"

namespace haven::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace need = libvirt::need;
namespace fs = std::filesystem;

const std::string kUuid = "dddddddd-0000-4000-8000-000000000001";

class Portability : public ::testing::Test {
 protected:
  Portability() { EXPECT_FALSE(connection.ensure("qemu:///system")); }
  // Why one resource with this one need cannot run here; empty: it can.
  std::string lacks(const char* kind, const std::string& name) {
    const auto unfit = libvirt::lacking(config, {{kind, name, {ResourceName("web1")}}}, 20s);
    EXPECT_TRUE(unfit) << unfit.error();
    if (!unfit || unfit->empty()) return "";
    EXPECT_EQ(unfit->front().resource, ResourceName("web1"));
    return unfit->front().why;
  }
  PrivateLibvirtd libvirtd;
  libvirt::Connection connection;
  libvirt::PortabilityConfig config;
};

TEST_F(Portability, ANetworkIsThereAndActive) {
  EXPECT_EQ(lacks(need::kNetwork, "net0"), "there is no network net0");
  const char* xml = "<network><name>net0</name><bridge name='hvbr0'/></network>";
  virNetworkPtr network = virNetworkDefineXML(connection.get(), xml);
  ASSERT_NE(network, nullptr) << libvirt::last_error().message;
  EXPECT_EQ(lacks(need::kNetwork, "net0"), "the network net0 is not active");
  ASSERT_EQ(virNetworkCreate(network), 0) << libvirt::last_error().message;
  EXPECT_EQ(lacks(need::kNetwork, "net0"), "");
  EXPECT_EQ(lacks(need::kLink, "hvbr0"), "");
  EXPECT_EQ(lacks(need::kLink, "hvbr1"), "there is no bridge or device hvbr1");
  virNetworkDestroy(network);
  virNetworkFree(network);
}

TEST_F(Portability, APoolAndItsVolumes) {
  fs::create_directories("/run/haven-pool");
  std::ofstream("/run/haven-pool/disk.raw") << std::string(4096, 'x');
  EXPECT_EQ(lacks(need::kPool, "images"), "there is no storage pool images");
  EXPECT_EQ(lacks(need::kVolume, "images/disk.raw"), "") << "the pool says it";
  const char* xml = "<pool type='dir'><name>images</name><target><path>/run/haven-pool</path></target></pool>";
  virStoragePoolPtr pool = virStoragePoolCreateXML(connection.get(), xml, 0);
  ASSERT_NE(pool, nullptr) << libvirt::last_error().message;
  EXPECT_EQ(lacks(need::kPool, "images"), "");
  EXPECT_EQ(lacks(need::kVolume, "images/disk.raw"), "");
  EXPECT_EQ(lacks(need::kVolume, "images/other.raw"), "the storage pool images has no volume other.raw");
  virStoragePoolFree(pool);
}

TEST_F(Portability, ASecretByUuidOrUse) {
  const std::string uuid = "dddddddd-0000-4000-8000-00000000beef";
  EXPECT_EQ(lacks(need::kSecret, uuid), "libvirt has no secret " + uuid);
  const std::string xml = "<secret ephemeral='no' private='yes'><uuid>" + uuid +
                          "</uuid><usage type='ceph'><name>client.haven</name></usage></secret>";
  virSecretPtr secret = virSecretDefineXML(connection.get(), xml.c_str(), 0);
  ASSERT_NE(secret, nullptr) << libvirt::last_error().message;
  EXPECT_EQ(lacks(need::kSecret, uuid), "");
  EXPECT_EQ(lacks(need::kSecret, "usage ceph client.haven"), "");
  EXPECT_EQ(lacks(need::kSecret, "usage ceph client.other"), "libvirt has no secret for ceph client.other");
  virSecretFree(secret);
}

TEST_F(Portability, AMachineAndItsProcessors) {
  EXPECT_EQ(lacks(need::kMachine, "qemu x86_64 pc"), "");
  EXPECT_EQ(lacks(need::kMachine, "qemu x86_64 -"), "");
  EXPECT_EQ(lacks(need::kMachine, "qemu - -"), "");
  EXPECT_THAT(lacks(need::kMachine, "qemu x86_64 pc-q35-99.9"), HasSubstr("cannot run a qemu machine pc-q35-99.9"));
  EXPECT_EQ(lacks(need::kCpu, "qemu x86_64 pc qemu64"), "");
  EXPECT_EQ(lacks(need::kCpu, "qemu x86_64 pc Nonesuch-9000"), "its processors cannot be a Nonesuch-9000");
}

TEST_F(Portability, PathsAndDevicesOfTheHost) {
  config.sys = "/run/haven-sys";
  fs::create_directories(config.sys + "/bus/pci/devices/0000:03:00.0");
  fs::create_directories(config.sys + "/bus/usb/devices/1-1");
  std::ofstream(config.sys + "/bus/usb/devices/1-1/idVendor") << "1234\n";
  std::ofstream(config.sys + "/bus/usb/devices/1-1/idProduct") << "abcd\n";
  EXPECT_EQ(lacks(need::kPci, "0000:03:00.0"), "");
  EXPECT_EQ(lacks(need::kPci, "0000:04:00.0"), "there is no PCI device 0000:04:00.0");
  EXPECT_EQ(lacks(need::kUsb, "1234:abcd"), "");
  EXPECT_EQ(lacks(need::kUsb, "1234:abce"), "there is no USB device 1234:abce");
  EXPECT_EQ(lacks(need::kPath, "/run"), "");
  EXPECT_EQ(lacks(need::kPath, "/nowhere/install.iso"), "/nowhere/install.iso does not exist here");
  EXPECT_EQ(lacks("flux-capacitor", "1"), "this havend does not know what a flux-capacitor is (1)");
}

TEST_F(Portability, StateOnALocalDiskIsToldApart) {
  const auto unfit =
      libvirt::lacking(config,
                       {{need::kUefi, "/var/lib/libvirt/qemu/nvram/web1_VARS.fd", {ResourceName("web1")}},
                        {need::kTpm, "/var/lib/libvirt/swtpm/" + kUuid, {ResourceName("web2")}},
                        {need::kPath, "/nowhere", {ResourceName("web2")}}},
                       20s);
  ASSERT_TRUE(unfit);
  ASSERT_EQ(unfit->size(), 2U);
  EXPECT_TRUE((*unfit)[0].state);
  EXPECT_THAT((*unfit)[0].why, HasSubstr("UEFI variables"));
  EXPECT_FALSE((*unfit)[1].state) << "a path is missing besides";
}

TEST_F(Portability, LibvirtThatHangsIsNoAnswer) {
  libvirtd.freeze();
  EXPECT_FALSE(libvirt::lacking(config, {{need::kNetwork, "net0", {ResourceName("web1")}}}, 500ms));
}

// Every need that a real domain's XML names is one that this host can be asked about.
TEST_F(Portability, ADomainThatRunsHereLacksNothing) {
  const auto needs = libvirt::needs_of(qemu_domain(kUuid, "web1"));
  ASSERT_TRUE(needs) << needs.error();
  EXPECT_THAT(*needs, ElementsAre(libvirt::DomainNeed{need::kMachine, "qemu x86_64 pc"},
                                  libvirt::DomainNeed{need::kPath, "/usr/bin/qemu-system-x86_64"}));
  for (const auto& one : *needs) EXPECT_EQ(lacks(one.kind.c_str(), one.name), "");
}

TEST_F(Portability, WhatRunsHereTellsWhatItTakes) {
  const libvirt::DomainRef domain(
      virDomainCreateXML(connection.get(), qemu_domain(kUuid, "stranger").c_str(), VIR_DOMAIN_NONE));
  ASSERT_TRUE(domain) << libvirt::last_error().message;
  Heard heard;
  libvirt::LibvirtHypervisor hypervisor({}, heard.sink());
  hypervisor.inspect(CallId{1}, 10s, {});
  const auto seen = heard.first<port::Inspected>([](const auto& e) { return e.reached; }, 20s);
  ASSERT_TRUE(seen);
  ASSERT_EQ(seen->domains.size(), 1U);
  EXPECT_EQ(seen->domains[0].uuid, kUuid);
  EXPECT_EQ(seen->domains[0].footprint, (Footprint{{1}, {32}}));
}

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
