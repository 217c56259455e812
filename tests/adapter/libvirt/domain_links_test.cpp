// Network links in domain XML, read and written.
#include "adapter/libvirt/domain_links.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace haven::libvirt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string domain(const std::string& devices) {
  return "<domain type='kvm'><name>web1</name><metadata><link state='up'/></metadata><devices>" + devices +
         "</devices></domain>";
}
const std::string kBridge =
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>";

TEST(DomainLinks, SayingNothingIsUp) {
  EXPECT_EQ(any_link_up(domain(kBridge)), true);
  EXPECT_EQ(any_link_up(domain("<interface type='user'><link state='up'/></interface>")), true);
  EXPECT_EQ(any_link_up(domain("")), false);
}

TEST(DomainLinks, AllOfThemGoDownAndNothingElseChanges) {
  const std::string two = kBridge + "<interface type='user'><link state='up'/><model type='virtio'/></interface>";
  const auto down = with_links_down(domain(two));
  ASSERT_TRUE(down);
  EXPECT_EQ(any_link_up(*down), false);
  for (const char* kept : {"52:54:00:00:00:01", "bridge=\"br0\"", "type=\"virtio\"", "<name>web1</name>"})
    EXPECT_THAT(*down, HasSubstr(kept));
  EXPECT_THAT(*down, HasSubstr("<metadata><link state=\"up\"/></metadata>"));
}

TEST(DomainLinks, OneThatIsUpIsEnough) {
  EXPECT_EQ(any_link_up(domain("<interface type='user'><link state='down'/></interface>" + kBridge)), true);
}

TEST(DomainLinks, EachInterfaceComesByItself) {
  const auto up =
      interfaces_with_link(domain("<interface type='user'><link state='down'/></interface>" + kBridge), true);
  ASSERT_TRUE(up);
  EXPECT_THAT(*up, ElementsAre(HasSubstr("<link state=\"up\"/>"), HasSubstr("br0")));
  EXPECT_THAT((*up)[1], HasSubstr("<link state=\"up\"/>"));
  EXPECT_THAT((*up)[0], Not(HasSubstr("br0")));
}

TEST(DomainLinks, SomeCannotChangeHands) {
  EXPECT_THAT(link_problems(domain(kBridge)), IsEmpty());
  EXPECT_THAT(link_problems(domain("")), ElementsAre(HasSubstr("no network interface")));
  EXPECT_THAT(link_problems(domain("<interface type='hostdev'/>")), ElementsAre(HasSubstr("of the type 'hostdev'")));
  EXPECT_THAT(link_problems(domain("<interface type='user'><link state='down'/></interface>")),
              ElementsAre(HasSubstr("take it out")));
}

TEST(DomainLinks, WhatIsNoDomainIsSaid) {
  EXPECT_FALSE(with_links_down("<domain"));
  EXPECT_FALSE(any_link_up("<network/>"));
  EXPECT_THAT(link_problems("nonsense"), Not(IsEmpty()));
}

}  // namespace
}  // namespace haven::libvirt
