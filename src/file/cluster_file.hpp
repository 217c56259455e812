// The cluster file (docs: the operator's files): its text becomes what the core calls a Spec, or every error in it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/model/spec.hpp"
#include "file/error.hpp"

namespace haven::file {

// apply: for a real cluster; `domain` is needed, a host's cpu and memory may be absent (0: what libvirt says once the
// host joins).
// simulate: for the simulator and `haven check`; a host's cpu and memory are needed, `domain` is not: it is read only
// where a VM's cpu or memory is missing. uuid and xml stay empty.
enum class Purpose { apply, simulate };

// What the libvirt domain XML says.
struct DomainText {
  std::string xml;
  std::string uuid;
  std::string name;
  bool container = false;
  Vcpu cpu;
  MiB memory;
  bool agent = false;  // it has a channel to a guest agent
};
// Reads a domain XML file; the error says what is wrong with it. `path` is the file's `domain`, relative ones being
// joined to the cluster file's folder.
using ReadDomain = std::function<tl::expected<DomainText, std::string>(const std::string& path)>;

// A valid file with every default filled in, or all of its errors in order of position. Bytes of any kind are answered;
// nothing is thrown. `measured`: hosts with the cpu and memory that they reported, which are held against the rules
// where the file leaves them out; the Spec does not take them.
[[nodiscard]] tl::expected<Spec, std::vector<FileError>> parse_cluster(std::string_view text,
                                                                       const std::string& file_name, Purpose purpose,
                                                                       const ReadDomain& read_domain,
                                                                       const std::vector<Host>& measured = {});

// Where the file leaves a host's cpu or memory out, what the host of that name reported.
void fill_capacities(Spec& spec, const std::vector<Host>& measured);

}  // namespace haven::file
