// Draws random faults and puts them right again after a while, each with its own repair.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/world.hpp"

namespace haven::sim {

class FaultSource {
 public:
  // `note`: told what is done, where somebody wants to know (empty: nobody).
  // `replaces`: guests are replaced between the faults, too.
  FaultSource(World& world, const Spec& spec, std::uint64_t seed, std::function<void(std::string)> note,
              bool replaces = false);
  // From now on, until stop().
  void begin();
  void stop() { stopped_ = true; }
  // What operators switched off is switched on again.
  void take_back_orders();
  // Boots that truly are no more and that nothing but a person's word proves dead.
  void confirm_the_dead();
  // How often each kind of fault struck.
  [[nodiscard]] const std::map<std::string, std::int64_t>& struck() const { return struck_; }
  void settle_last_writes();

 private:
  void next();
  void strike();
  void person_passes();
  void later(Duration delay, std::function<void()> repair);
  void deed(const Deed& deed, const std::string& words);
  [[nodiscard]] Duration span(Duration least, Duration most);
  [[nodiscard]] const HostName& some_host();
  [[nodiscard]] const ResourceName& some_resource();

  void power();
  void blackout();
  void hang();
  void partition();
  void slow_engine();
  void voter();
  void full_disk();
  void clock();
  void slow_libvirt();
  void crash_in_a_step();
  void stranger();
  [[nodiscard]] bool may_be_let_go(const ResourceName& resource) const;
  void isolate();
  void cut();
  void link();
  void store();
  void fence_device();
  void device_test();
  void move();
  void reinstall();
  void break_devices(const HostName& host, DeviceMode mode, const char* word, Duration until);
  void havend();
  void libvirt();
  void guest();
  void storage();
  void failures();
  void operators();
  void sway();
  void ail();
  void take_out_of_service(const HostName& host);
  void files();
  void shutdown();
  void watch();
  void replies();
  void late_commits();
  void hamper(Havend& havend, const std::string& words, const EngineTrouble& trouble);
  void stall();
  void deafness();
  void watchdog();
  void stale_leader();
  void uplink();
  void migration();
  void hurt_migration(const ResourceName& resource, const HostName& from, const HostName& to);
  void replacements();
  void replace(const ResourceName& old);
  void watch_handover(const ResourceName& successor, int looks);
  void hurt_handover(const ResourceName& old, const ResourceName& successor);
  void take_back_replacements();

  World& world_;
  Random random_;
  Random swaying_;    // apart, so that what else happens is the same with it and without
  Random replacing_;  // likewise
  bool sways_ = false;
  Random ailing_;                        // likewise
  std::vector<ResourceName> checked_{};  // what has checks
  bool replaces_ = false;
  int successors_ = 0;  // so far
  std::function<void(std::string)> note_;
  std::vector<HostName> hosts_;
  std::vector<ResourceName> resources_;
  std::map<ResourceName, Resource> as_written_;
  std::vector<std::size_t> links_;
  std::set<ResourceName> let_go_;
  std::map<ResourceName, Duration> started_by_hand_;  // when last
  std::set<HostName> promising_;
  std::set<HostName> unwatched_;    // their watchdogs are broken
  std::vector<HostName> machines_;  // the witness among them
  std::optional<Duration> blackout_after_;
  std::map<std::string, std::int64_t> struck_;
  bool stopped_ = false;
};

}  // namespace haven::sim
