//! The order of labels. Label names are a set, kept sorted regardless of the order in which a
//! program lists them.

/// A permutation from a program's order of label names to their sorted order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabelOrder(Box<[usize]>);

impl LabelOrder {
    /// Sorts label names. Returns `None` if they are already sorted, so that values need no
    /// reordering.
    pub(crate) fn sort(names: &mut Vec<String>) -> Option<LabelOrder> {
        if names.is_sorted() {
            return None;
        }
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&one, &other| names[one].cmp(&names[other]));
        let order = LabelOrder(order.into());
        *names = order.apply(names);
        Some(order)
    }

    /// Returns values in the order of the sorted names. If the number of values is wrong, returns
    /// them unchanged, and the caller rejects them.
    pub(crate) fn apply<T: Clone>(&self, values: &[T]) -> Vec<T> {
        match values.len() == self.0.len() {
            true => self.0.iter().map(|&at| values[at].clone()).collect(),
            false => values.to_vec(),
        }
    }

    /// As [`apply`](Self::apply), into a buffer. Returns `None` if the buffer is too short or the
    /// number of values is wrong.
    pub(crate) fn apply_into<'b, T: Copy>(&self, values: &[T], into: &'b mut [T]) -> Option<&'b [T]> {
        let into = into.get_mut(..self.0.len()).filter(|into| into.len() == values.len())?;
        for (place, &at) in into.iter_mut().zip(&self.0) {
            *place = *values.get(at)?;
        }
        Some(into)
    }
}

#[cfg(test)]
mod tests {
    use super::LabelOrder;

    #[test]
    fn values_follow_their_names() {
        let mut names = ["uri", "method", "status"].map(str::to_owned).to_vec();
        let order = LabelOrder::sort(&mut names).unwrap();
        assert_eq!(names, ["method", "status", "uri"]);
        assert_eq!(order.apply(&["/", "GET", "200"]), ["GET", "200", "/"]);
        let mut buffer = [""; 4];
        assert_eq!(order.apply_into(&["/", "GET", "200"], &mut buffer), Some(&["GET", "200", "/"][..]));
        assert_eq!(LabelOrder::sort(&mut names), None, "sorted names need no order");
    }

    #[test]
    fn wrong_number_of_values_is_left_to_the_caller() {
        let order = LabelOrder::sort(&mut ["b", "a"].map(str::to_owned).to_vec()).unwrap();
        assert_eq!(order.apply(&["1"]), ["1"]);
        assert_eq!(order.apply_into(&["1"], &mut [""; 4]), None);
        assert_eq!(order.apply_into(&["1", "2"], &mut [""; 1]), None);
    }
}
