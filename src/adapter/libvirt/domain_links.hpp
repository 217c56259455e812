// The network links in a domain's XML (<link state='…'/> of each <interface>): read, and written down or up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace haven::libvirt {

// The same domain with every network link down. Errors as of parse_domain.
[[nodiscard]] tl::expected<std::string, std::string> with_links_down(std::string_view xml);
// Any network link is up; one that says nothing is.
[[nodiscard]] tl::expected<bool, std::string> any_link_up(std::string_view xml);
// Its <interface> elements one by one, each with its link up or down: as libvirt takes them to change a domain that
// runs.
[[nodiscard]] tl::expected<std::vector<std::string>, std::string> interfaces_with_link(std::string_view xml, bool up);
// What keeps its links from changing hands. A sentence each; empty: nothing.
[[nodiscard]] std::vector<std::string> link_problems(std::string_view xml);

}  // namespace haven::libvirt
