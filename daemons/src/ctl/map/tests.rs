//! Maps as text.

use super::*;

fn set(family: Family, text: &[&str]) -> RangeSet {
    RangeSet::from_ranges(family, text.iter().map(|range| range.parse::<IpRange>().unwrap())).unwrap()
}

struct Case {
    ips: &'static [&'static str],
    excluded: &'static [&'static str],
    reserved: &'static [&'static str],
    used: &'static [&'static str],
}

impl Case {
    fn draw(&self, column_bits: u32, look: Look) -> String {
        let family = self.ips[0].parse::<IpRange>().unwrap().family();
        let ground = Ground {
            ips: set(family, self.ips),
            excluded: set(family, self.excluded),
            reserved: set(family, self.reserved),
        };
        let grid = Grid::new(&ground.ips, column_bits);
        let used = set(family, self.used);
        let counts: Vec<u64> =
            grid.cells().into_iter().map(|cell| u64::try_from(members(&used, cell)).unwrap()).collect();
        draw(&grid, &ground, &counts, look).join("\n")
    }
}

#[test]
fn a_slash_30_has_a_cell_an_address() {
    let case = Case { ips: &["10.6.0.1-10.6.0.2"], excluded: &[], reserved: &[], used: &["10.6.0.1"] };
    let want = "10.6.0.0   #.\na cell is 1 address:   . free   # used";
    assert_eq!(case.draw(6, Look::Ascii), want);
    assert_eq!(case.draw(6, Look::Blocks), "10.6.0.0   █·\na cell is 1 address:   · free   █ used");
}

#[test]
fn excluded_and_reserved_addresses_are_marked_unless_held() {
    let case = Case {
        ips: &["10.6.0.10-10.6.0.40", "10.6.0.70-10.6.0.79"],
        excluded: &["10.6.0.12"],
        reserved: &["10.6.0.13-10.6.0.15"],
        used: &["10.6.0.10-10.6.0.11", "10.6.0.14"],
    };
    let want = "\
10.6.0.0             ##xr#r
10.6.0.16  ................
10.6.0.32  .........
10.6.0.64        ..........
a cell is 1 address:   . free   # used   x excluded   r reserved";
    assert_eq!(case.draw(4, Look::Ascii), want);
}

#[test]
fn a_slash_16_is_shaded_by_fill() {
    let case = Case {
        ips: &["10.6.0.10-10.6.255.250"],
        excluded: &["10.6.8.0-10.6.8.31"],
        reserved: &[],
        used: &[
            "10.6.0.10-10.6.0.31",
            "10.6.0.32",
            "10.6.0.64-10.6.0.79",
            "10.6.0.96-10.6.0.126",
            "10.6.9.0",
        ],
    };
    let want = "\
10.6.0.0    #-+*............................................................
10.6.8.0    x.......-.......................................................
10.6.16.0   ................................................................
            (29 more lines like this one)
a cell is 32 addresses:   . free   - under 1/3 used   + under 2/3   * under all   # all used   x excluded";
    assert_eq!(case.draw(6, Look::Ascii), want);
}

#[test]
fn a_v6_slash_64_and_the_whole_space_fit_too() {
    let case =
        Case { ips: &["fd00::-fd00::ffff:ffff:ffff:ffff"], excluded: &[], reserved: &[], used: &["fd00::1"] };
    let want = "\
fd00::            ░·······························
fd00::800:0:0:0   ································
                  (30 more lines like this one)
a cell is 2^54 addresses:   · free   ░ under 1/3 used   █ all used";
    assert_eq!(case.draw(5, Look::Blocks), want);

    let whole = Case {
        ips: &["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        excluded: &[],
        reserved: &[],
        used: &["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    };
    let text = whole.draw(4, Look::Ascii);
    assert!(text.starts_with("::      ................\n        (30 more lines like this one)\n"), "{text}");
    assert!(text.contains("f800::  ...............-\n"), "{text}");
    assert!(text.contains("a cell is 2^119 addresses"), "{text}");

    let all_v4 =
        Case { ips: &["0.0.0.0-255.255.255.255"], excluded: &[], reserved: &[], used: &["255.255.255.255"] };
    assert!(all_v4.draw(6, Look::Ascii).contains("...-\na cell is 2^21 addresses"));
}

#[test]
fn ranges_far_apart_take_no_lines_between_them() {
    let case = Case {
        ips: &["10.6.0.0-10.6.0.7", "10.200.0.0-10.200.0.7", "255.255.255.255"],
        excluded: &[],
        reserved: &[],
        used: &[],
    };
    let want = "\
10.6.0.0         ........
10.200.0.0       ........
255.255.255.240                 .
a cell is 1 address:   . free   # used";
    assert_eq!(case.draw(4, Look::Ascii), want);
}

#[test]
fn an_empty_pool_has_no_lines() {
    let ground = Ground {
        ips: RangeSet::empty(Family::V4),
        excluded: RangeSet::empty(Family::V4),
        reserved: RangeSet::empty(Family::V4),
    };
    let grid = Grid::new(&ground.ips, 6);
    assert!(grid.cells().is_empty());
    assert_eq!(draw(&grid, &ground, &[], Look::Ascii), ["a cell is 1 address:   . free   # used"]);
}
