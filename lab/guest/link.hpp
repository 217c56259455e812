// The guest's one network card.
#pragma once

#include <string>

namespace lab {

// Gives `name` the address ("10.0.0.7/16") and switches it and the loopback on.
bool bring_up(const char* name, const std::string& address);

// Tells the bridges where this guest now is, by gratuitous ARP: after a failover they would send to the dead host
// until their tables age.
class Announcer {
 public:
  bool open(const char* name, const std::string& address);
  void announce() const;

 private:
  int fd_ = -1;
  int index_ = 0;
  unsigned char mac_[6] = {};
  unsigned char ip_[4] = {};
};

}  // namespace lab
