#include "adapter/libvirt/domain_xml.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace haven::libvirt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kUuid = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";

std::string domain(const std::string& inner, const std::string& type = "kvm") {
  return "<domain type='" + type + "'><name>web1</name><uuid>" + kUuid + "</uuid>" + inner + "</domain>";
}
std::string with_memory(const std::string& inner) { return domain("<memory unit='MiB'>512</memory>" + inner); }
std::string with_disk(const std::string& disk) { return with_memory("<devices>" + disk + "</devices>"); }
std::int64_t memory_mib(const std::string& memory) {
  const auto facts = parse_domain(domain(memory));
  return facts ? facts->memory.count : -1;
}
std::string why(const std::string& xml) {
  const auto facts = parse_domain(xml);
  return facts ? "" : facts.error();
}

TEST(DomainXml, TellsWhatADomainIs) {
  const auto facts = parse_domain(with_memory("<vcpu placement='static' current='2'>4</vcpu>"));
  ASSERT_TRUE(facts) << facts.error();
  EXPECT_EQ(facts->uuid, kUuid);
  EXPECT_EQ(facts->name, "web1");
  EXPECT_EQ(facts->type, "kvm");
  EXPECT_EQ(facts->driver, port::Driver::qemu);
  EXPECT_EQ(facts->vcpus, Vcpu{4});
  EXPECT_EQ(facts->memory, MiB{512});
  EXPECT_THAT(facts->disks, IsEmpty());
}

TEST(DomainXml, AContainerIsOfTheLxcDriverAndShowsItsRoot) {
  const auto facts =
      parse_domain(domain("<memory>65536</memory><devices><filesystem type='mount'><source dir='/srv/c1'/>"
                          "<target dir='/'/></filesystem></devices>",
                          "lxc"));
  ASSERT_TRUE(facts) << facts.error();
  EXPECT_EQ(facts->driver, port::Driver::lxc);
  EXPECT_THAT(facts->filesystems, ElementsAre("/srv/c1"));
  EXPECT_EQ(facts->vcpus, Vcpu{1});
}

TEST(DomainXml, UuidsAreWrittenAsLibvirtWritesThem) {
  EXPECT_EQ(canonical_uuid("4DEA22B31D52D8F32516782E98AB3FA0"), kUuid);
  EXPECT_EQ(canonical_uuid(kUuid), kUuid);
  EXPECT_EQ(canonical_uuid("4dea22b3"), "");
  EXPECT_EQ(canonical_uuid("4dea22b3-1d52-d8f3-2516-782e98ab3fag"), "");
}

TEST(DomainXml, ReadsEveryUnitOfMemoryAndRoundsUp) {
  EXPECT_EQ(memory_mib("<memory>1048576</memory>"), 1024);
  EXPECT_EQ(memory_mib("<memory unit='KiB'>1025</memory>"), 2);
  EXPECT_EQ(memory_mib("<memory unit='k'>1024</memory>"), 1);
  EXPECT_EQ(memory_mib("<memory unit='KB'>1049</memory>"), 2);
  EXPECT_EQ(memory_mib("<memory unit='b'>1</memory>"), 1);
  EXPECT_EQ(memory_mib("<memory unit='bytes'>1048577</memory>"), 2);
  EXPECT_EQ(memory_mib("<memory unit='M'>7</memory>"), 7);
  EXPECT_EQ(memory_mib("<memory unit='mib'> 7 </memory>"), 7);
  EXPECT_EQ(memory_mib("<memory unit='MB'>1000</memory>"), 954);
  EXPECT_EQ(memory_mib("<memory unit='G'>2</memory>"), 2048);
  EXPECT_EQ(memory_mib("<memory unit='GB'>1</memory>"), 954);
  EXPECT_EQ(memory_mib("<memory unit='TiB'>1</memory>"), 1048576);
}

TEST(DomainXml, CountsNumaCellsAndDimmsAsLibvirtDoes) {
  EXPECT_EQ(memory_mib("<memory unit='MiB'>1</memory><cpu><numa><cell id='0' cpus='0' memory='512' unit='MiB'/>"
                       "<cell id='1' cpus='1' memory='524288'/></numa></cpu><devices><memory model='dimm'><target>"
                       "<size unit='MiB'>256</size><node>0</node></target></memory></devices>"),
            1280);
}

TEST(DomainXml, SaysWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_THAT(why("<domain type='kvm'><name>web1"), HasSubstr("line 1"));
  EXPECT_THAT(why(""), testing::Not(IsEmpty()));
  EXPECT_THAT(why("<network/>"), HasSubstr("<domain>"));
  EXPECT_THAT(why("<domain type='kvm'><name>web1</name><memory>1</memory></domain>"), HasSubstr("<uuid> is missing"));
  EXPECT_THAT(why("<domain type='kvm'><name>a</name><uuid>12</uuid></domain>"), HasSubstr("'12'"));
  EXPECT_THAT(why(std::string("<domain type='kvm'><uuid>") + kUuid + "</uuid></domain>"),
              HasSubstr("<name> is missing"));
  EXPECT_THAT(why(domain("<memory>1</memory>", "xen")), HasSubstr("kvm, qemu or lxc"));
  EXPECT_THAT(why(domain("")), HasSubstr("<memory> is missing"));
  EXPECT_THAT(why(domain("<memory unit='MiX'>1</memory>")), HasSubstr("'MiX'"));
  EXPECT_THAT(why(domain("<memory>-4</memory>")), HasSubstr("whole number"));
  EXPECT_THAT(why(domain("<memory unit='EiB'>99999</memory>")), HasSubstr("too much"));
  EXPECT_THAT(why(with_memory("<vcpu>0</vcpu>")), HasSubstr("<vcpu>"));
}

TEST(DomainXml, RefusesDocumentTypesSoThatNothingIsExpandedOrFetched) {
  EXPECT_THAT(why("<!DOCTYPE domain [<!ENTITY a 'aaaa'>]>" + with_memory("<title>&a;</title>")), HasSubstr("DOCTYPE"));
  std::string laughs = "<!DOCTYPE domain [<!ENTITY l0 'ha'>";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "&l" + std::to_string(i - 1) + ";";
    laughs += "<!ENTITY l" + std::to_string(i) + " '" + before + before + before + before + "'>";
  }
  EXPECT_NE(why(laughs + "]>" + with_memory("<title>&l29;</title>")), "");
  EXPECT_NE(why("<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>" + with_memory("")), "");
  EXPECT_THAT(why(std::string(kMaxXmlBytes + 1, ' ')), HasSubstr("1 MiB"));
}

TEST(DomainXml, ListsDisksOfEveryKind) {
  const auto facts = parse_domain(with_disk(
      "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='/srv/a.img'/>"
      "<target dev='vda' bus='virtio'/><shareable/></disk>"
      "<disk type='block'><source dev='/dev/sdx'/><target dev='vdb'/><readonly/></disk>"
      "<disk type='network'><driver cache='writeback'/><source protocol='rbd' name='pool/image'/><target "
      "dev='vdc'/></disk>"
      "<disk type='volume'><source pool='p' volume='v'/><target dev='vdd'/></disk>"
      "<disk type='file' device='cdrom'><target dev='sda'/></disk>"
      "<disk type='file'><source file='/srv/u'/><target dev='sdb' bus='usb' removable='on'/></disk>"));
  ASSERT_TRUE(facts) << facts.error();
  const auto& disks = facts->disks;
  ASSERT_EQ(disks.size(), 6U);
  EXPECT_EQ(disks[0].path, "/srv/a.img");
  EXPECT_EQ(disks[0].cache, "none");
  EXPECT_TRUE(disks[0].shareable);
  EXPECT_FALSE(disks[0].readonly);
  EXPECT_EQ(disks[1].path, "/dev/sdx");
  EXPECT_EQ(disks[1].device, "disk");
  EXPECT_EQ(disks[1].cache, "");
  EXPECT_TRUE(disks[1].readonly);
  EXPECT_EQ(disks[2].protocol, "rbd");
  EXPECT_EQ(disks[2].source_name, "pool/image");
  EXPECT_EQ(disks[2].cache, "writeback");
  EXPECT_EQ(disks[3].protocol, "volume");
  EXPECT_EQ(disks[3].source_name, "p/v");
  EXPECT_TRUE(disks[4].readonly && disks[4].removable && disks[4].path.empty());
  EXPECT_TRUE(disks[5].removable);
}

std::vector<std::string> problems(const std::string& xml, bool many_hosts) {
  const auto facts = parse_domain(xml);
  return facts ? portability_problems(*facts, many_hosts) : std::vector<std::string>{facts.error()};
}

TEST(DomainXml, OnManyHostsWritesMustNotStayInOneHostsMemory) {
  const auto disk = [](const std::string& driver) {
    return with_disk("<disk type='block'>" + driver + "<source dev='/dev/null'/><target dev='vda'/></disk>");
  };
  for (const char* good : {"<driver cache='none'/>", "<driver cache='directsync'/>"})
    EXPECT_THAT(problems(disk(good), true), IsEmpty()) << good;
  for (const char* bad : {"", "<driver name='qemu'/>", "<driver cache='default'/>", "<driver cache='writeback'/>",
                          "<driver cache='writethrough'/>", "<driver cache='unsafe'/>"}) {
    EXPECT_THAT(problems(disk(bad), true),
                ElementsAre(testing::AllOf(HasSubstr("disk vda"), HasSubstr("cache='none'"))))
        << bad;
    EXPECT_THAT(problems(disk(bad), false), IsEmpty()) << bad;
  }
  EXPECT_THAT(problems(disk("<readonly/>"), true), IsEmpty());
}

TEST(DomainXml, NamesWhatIsNotOnThisHost) {
  const auto found = problems(
      domain("<memory>65536</memory><os><kernel>/nonexistent/k</kernel></os><devices>"
             "<disk type='file'><driver cache='none'/><source file='/nonexistent/a.img'/><target dev='vda'/></disk>"
             "<disk type='file'><driver cache='none'/><target dev='vdb'/></disk>"
             "<disk type='file' device='cdrom'><target dev='sda'/></disk>"
             "<disk type='network'><driver cache='none'/><source protocol='rbd' name='p/i'/><target dev='vdc'/></disk>"
             "<filesystem><source dir='/nonexistent/root'/></filesystem></devices>"),
      false);
  EXPECT_THAT(found,
              ElementsAre("disk vda: /nonexistent/a.img does not exist on this host", "disk vdb: it has no <source>",
                          "filesystem: /nonexistent/root does not exist on this host",
                          "boot file: /nonexistent/k does not exist on this host"));
}

TEST(DomainXml, TellsByWhichLinksOfTheHostItsNetworkGoes) {
  const auto facts = parse_domain(
      domain("<memory>65536</memory><devices>"
             "<interface type='bridge'><source bridge='br0'/></interface>"
             "<interface type='bridge'><source bridge='br0'/></interface>"
             "<interface type='bridge'><source bridge='ovs0'/><virtualport type='openvswitch'/></interface>"
             "<interface type='direct'><source dev='eno2' mode='bridge'/></interface>"
             "<interface type='network'><source network='default'/></interface></devices>"));
  ASSERT_TRUE(facts);
  EXPECT_THAT(facts->links, ElementsAre("br0", "eno2"));
}

TEST(DomainXml, NamesWhatLibvirtWouldDecideInHavensPlace) {
  const auto rivalries_of = [](const std::string& elements) {
    const auto facts = parse_domain(domain("<memory>65536</memory>" + elements));
    return facts ? rivalries(*facts) : std::vector<std::string>{facts.error()};
  };
  EXPECT_THAT(rivalries_of(""), IsEmpty());
  EXPECT_THAT(
      rivalries_of("<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>"),
      IsEmpty());
  EXPECT_THAT(rivalries_of("<on_crash>preserve</on_crash>"), IsEmpty());
  for (const char* word : {"restart", "coredump-restart", "rename-restart"})
    EXPECT_THAT(rivalries_of(std::string("<on_crash>") + word + "</on_crash>"),
                ElementsAre(HasSubstr("<on_crash>destroy</on_crash>")));
  EXPECT_THAT(rivalries_of("<on_reboot>destroy</on_reboot>"), ElementsAre(HasSubstr("<on_reboot>restart</on_reboot>")));
  EXPECT_THAT(rivalries_of("<on_poweroff>preserve</on_poweroff>"),
              ElementsAre(HasSubstr("<on_poweroff>destroy</on_poweroff>")));
}

TEST(DomainXml, NamesTheEmulatedGuestThatALiveMoveMayDamage) {
  auto facts = parse_domain(domain("<memory>65536</memory>"));
  ASSERT_TRUE(facts);
  facts->type = "qemu";
  EXPECT_THAT(loss_in_live_moves(*facts), HasSubstr("live_migration = false"));
  for (const char* type : {"kvm", "lxc"}) {
    facts->type = type;
    EXPECT_EQ(loss_in_live_moves(*facts), "");
  }
}

TEST(DomainXml, TheUuidAloneNeedsNoMore) {
  EXPECT_EQ(parse_domain_uuid(std::string("<domain><uuid>") + kUuid + "</uuid></domain>").value_or(""), kUuid);
  EXPECT_FALSE(parse_domain_uuid("<domain/>"));
  EXPECT_FALSE(parse_domain_uuid("nonsense"));
}

}  // namespace
}  // namespace haven::libvirt
