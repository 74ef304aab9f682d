//! The steps of a story, numbered.

/// Numbers the steps.
#[derive(Debug, Default)]
pub(super) struct Steps {
    count: u32,
}

impl Steps {
    pub(super) fn next(&mut self, text: &str) {
        self.count += 1;
        println!("\n{}. {text}", self.count);
    }
}
