#include "adapter/libvirt/domain_needs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace haven::libvirt {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

std::vector<DomainNeed> needs(const std::string& inside, const std::string& os = "<type>hvm</type>") {
  const auto found = needs_of(
      "<domain type='kvm'><name>web1</name><uuid>dddddddd-0000-4000-8000-000000000001</uuid>"
      "<memory unit='MiB'>64</memory><os>" +
      os + "</os>" + inside + "</domain>");
  EXPECT_TRUE(found) << found.error();
  return found.value_or(std::vector<DomainNeed>{});
}

TEST(DomainNeeds, DisksPoolsAndTheirSecrets) {
  EXPECT_THAT(needs("<devices>"
                    "<disk type='file' device='disk'><source file='/srv/web1.raw'/><target dev='vda'/></disk>"
                    "<disk type='file' device='cdrom'><source file='/srv/install.iso'/><target dev='sda'/></disk>"
                    "<disk type='file' device='cdrom'><source file='/srv/x.iso' startupPolicy='optional'/></disk>"
                    "<disk type='block'><source dev='/dev/mapper/web1'/><target dev='vdb'/></disk>"
                    "<disk type='volume'><source pool='images' volume='web1.qcow2'/><target dev='vdc'/></disk>"
                    "<disk type='network'><source protocol='rbd' name='p/v'><auth username='u'>"
                    "<secret type='ceph' usage='client.u'/></auth></source><target dev='vdd'/></disk>"
                    "</devices>"),
              ElementsAre(DomainNeed{"machine", "kvm - -"}, DomainNeed{"path", "/srv/web1.raw"},
                          DomainNeed{"path", "/srv/install.iso"}, DomainNeed{"path", "/dev/mapper/web1"},
                          DomainNeed{"pool", "images"}, DomainNeed{"volume", "images/web1.qcow2"},
                          DomainNeed{"secret", "usage ceph client.u"}));
}

TEST(DomainNeeds, NetworksAndDevicesOfTheHost) {
  EXPECT_THAT(needs("<devices>"
                    "<interface type='network'><source network='net0'/></interface>"
                    "<interface type='network'><source network='net0'/></interface>"
                    "<interface type='bridge'><source bridge='br0'/></interface>"
                    "<interface type='direct'><source dev='eth1'/></interface>"
                    "<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='0x03' slot='0x0a' "
                    "function='0x1'/></source></hostdev>"
                    "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0xABCD'/></source>"
                    "</hostdev>"
                    "<hostdev mode='subsystem' type='mdev'><source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'"
                    "/></source></hostdev></devices>"),
              IsSupersetOf({DomainNeed{"network", "net0"}, DomainNeed{"link", "br0"}, DomainNeed{"link", "eth1"},
                            DomainNeed{"pci", "0000:03:0a.1"}, DomainNeed{"usb", "1234:abcd"},
                            DomainNeed{"mdev", "c2177883-f1bb-47f0-914d-32a22e3a8804"}}));
}

TEST(DomainNeeds, MachineProcessorsAndWhatIsKeptOnALocalDisk) {
  const auto found = needs(
      "<cpu mode='custom' match='exact'><model fallback='forbid'>Skylake-Server</model></cpu>"
      "<devices><tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices>",
      "<type arch='x86_64' machine='pc-q35-7.2'>hvm</type>"
      "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>"
      "<nvram>/srv/nvram/web1.fd</nvram>");
  EXPECT_THAT(found,
              ElementsAre(DomainNeed{"machine", "kvm x86_64 pc-q35-7.2"},
                          DomainNeed{"cpu", "kvm x86_64 pc-q35-7.2 Skylake-Server"},
                          DomainNeed{"path", "/usr/share/OVMF/OVMF_CODE.fd"}, DomainNeed{"uefi", "/srv/nvram/web1.fd"},
                          DomainNeed{"tpm", "/var/lib/libvirt/swtpm/dddddddd-0000-4000-8000-000000000001"}));
  EXPECT_THAT(needs("<cpu mode='custom' match='exact' check='none'><model>Skylake-Server</model></cpu>"),
              ElementsAre(DomainNeed{"machine", "kvm - -"}));
  EXPECT_THAT(needs("", "<type>hvm</type><loader type='pflash'>/c</loader>"),
              IsSupersetOf({DomainNeed{"uefi", "/var/lib/libvirt/qemu/nvram/web1_VARS.fd"}}));
}

TEST(DomainNeeds, WhatIsNoDomainIsRefused) { EXPECT_FALSE(needs_of("<network/>")); }

}  // namespace
}  // namespace haven::libvirt
