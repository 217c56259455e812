// What each host keeps in order for itself, whatever host `haven apply` was said on: that nobody but Haven starts
// protected domains here (PROTOCOL C5), and that this host could do its part of the file. What cannot be put in order
// becomes a sentence in the host's status. May take its time: disks, libvirt, systemctl and agents may hang.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapter/libvirt/host.hpp"
#include "adapter/systemd/units.hpp"
#include "daemon/boot.hpp"
#include "daemon/chores.hpp"
#include "daemon/local_alarms.hpp"
#include "daemon/turned_off.hpp"
#include "port/fence_device.hpp"

namespace haven::daemon {

class Upkeep {
 public:
  using Remember = std::function<bool(const std::string& name)>;
  struct Edges {
    std::string etc = "/etc";
    systemd::Config systemd;
    // Keeps the list of protected domains over boots.
    std::function<OrWhy<void>(const std::vector<std::string>& uuids)> keep_list;
    // `remember` may be called even after this has returned for want of time.
    std::function<OrWhy<libvirt::Autostart>(const std::vector<std::string>& uuids, const Remember&)> autostart_off;
    std::function<void(const std::string&)> say;
  };
  static constexpr Duration kMetadataTimeout = 10s;  // for one agent to tell what options it has

  // `fence` and `alarms` outlive this.
  Upkeep(Edges edges, HostName here, std::shared_ptr<TurnedOff> turned_off, port::FenceDevice& fence,
         LocalAlarms& alarms);

  // True: there is nothing left to put in order. One thread.
  [[nodiscard]] bool tend(const Protected& wanted);

 private:
  bool keep_list(const Protected& wanted);
  bool autostart(const Protected& wanted);
  bool units(const Protected& wanted);
  bool hook(const Protected& wanted);
  bool own_part(const Protected& wanted);
  bool settle(const std::string& kind, std::vector<std::string> problems);

  Edges edges_;
  HostName here_;
  std::shared_ptr<TurnedOff> turned_off_;
  port::FenceDevice& fence_;
  LocalAlarms& alarms_;
  std::vector<std::string> defined_;  // names of protected domains that libvirt has defined here
};

}  // namespace haven::daemon
