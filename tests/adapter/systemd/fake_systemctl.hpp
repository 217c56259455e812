// A systemctl that keeps its units in a folder: U.enabled, U.active, U.starts and U.stops (command lines), U.triggers.
// Drop-ins and links are read from the real place. What it was asked stands in `calls`; `fail-VERB` makes it fail,
// `lie-VERB` makes it do nothing and say that it did, `hang` makes it hang.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "adapter/systemd/units.hpp"

namespace haven::test {

class FakeSystemd {
 public:
  explicit FakeSystemd(const std::string& folder) : folder_(folder) {
    for (const char* name : {"/units", "/booted", "/etc"}) std::filesystem::create_directories(folder + name);
    write("/systemctl", kScript);
    std::filesystem::permissions(folder + "/systemctl", std::filesystem::perms::owner_all);
    config.systemctl = folder + "/systemctl";
    config.booted = folder + "/booted";
    config.etc = folder + "/etc";
  }
  void add(const std::string& unit, const std::vector<std::string>& starts, bool enabled, bool active = false) {
    std::string lines;
    for (const auto& start : starts) lines += start + "\n";
    write("/units/" + unit + ".starts", lines);
    if (active) write("/units/" + unit + ".active", "");
    if (!enabled) return;
    write("/units/" + unit + ".enabled", "");
    write("/etc/multi-user.target.wants/" + unit, "");
  }
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder_ + name).parent_path());
    std::ofstream(folder_ + name) << text;
  }
  [[nodiscard]] bool enabled(const std::string& unit) const {
    return std::filesystem::exists(folder_ + "/units/" + unit + ".enabled");
  }
  [[nodiscard]] std::string calls() const {
    std::ifstream in(folder_ + "/calls");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  systemd::Config config;

 private:
  static constexpr const char* kScript = R"sh(#!/bin/bash
cd "$(dirname "$0")" || exit 9
shift 2 # --no-pager --no-ask-password
echo "$*" >> calls
verb=$1
[ -e hang ] && exec sleep 1000
[ -e "fail-$verb" ] && { echo "Failed to $verb: access denied" >&2; exit 1; }
[ -e "lie-$verb" ] && exit 0
names=() seen=
for word in "${@:2}"; do
  if [ -n "$seen" ]; then names+=("$word"); elif [ "$word" = -- ]; then seen=1; fi
done
case $verb in
  daemon-reload)
    rm -f units/*.harmless
    for folder in etc/*.service.d; do
      [ -d "$folder" ] && : > "units/$(basename "$folder" .d).harmless"
    done ;;
  disable) for u in "${names[@]}"; do rm -f "units/$u.enabled" "etc/multi-user.target.wants/$u"; done ;;
  stop) for u in "${names[@]}"; do rm -f "units/$u.active"; done ;;
  enable) for u in "${names[@]}"; do : > "units/$u.enabled"; done ;;
  show)
    first=1
    for u in "${names[@]}"; do
      [ -n "$first" ] || echo
      first=
      echo "Id=$u"
      if [ -e "units/$u.starts" ]; then echo LoadState=loaded; else echo LoadState=not-found; fi
      if [ -e "units/$u.enabled" ]; then echo UnitFileState=enabled; else echo UnitFileState=disabled; fi
      if [ -e "units/$u.active" ]; then echo ActiveState=active; else echo ActiveState=inactive; fi
      [ -e "units/$u.triggers" ] && echo "Triggers=$(cat "units/$u.triggers")"
      for kind in start stop; do
        key=$([ $kind = start ] && echo ExecStart || echo ExecStop)
        if [ -e "units/$u.harmless" ]; then
          echo "$key={ path=/usr/bin/true ; argv[]=/usr/bin/true ; ignore_errors=no ; pid=0 }"
        elif [ -e "units/$u.${kind}s" ]; then
          while read -r line; do
            echo "$key={ path=${line%% *} ; argv[]=$line ; ignore_errors=no ; pid=0 }"
          done < "units/$u.${kind}s"
        fi
      done
    done ;;
esac
exit 0
)sh";
  std::string folder_;
};

}  // namespace haven::test
