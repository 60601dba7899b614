//! Where the columns of `leads` stand, and that they are what they were made as.

/// Makes a type `Columns` for some columns of `leads`, each with the type it is read as; without one, whose value is only
/// compared or looked for.
macro_rules! lead_columns {
    (@kind) => { None };
    (@kind $kind:ident) => { Some(pgrx::pg_sys::$kind) };
    ($($column:ident $(: $kind:ident)?),+ $(,)?) => {
        /// Where the columns stand, counted from 0.
        #[derive(Clone, Copy)]
        pub struct Columns {
            $(pub $column: usize,)+
        }

        impl Columns {
            /// None: the table is not as sql/install makes it, and has to be read by name and by type.
            pub fn of(shape: &pgrx::PgTupleDesc<'_>) -> Option<Self> {
                let place = |name: &str, kind: Option<pgrx::pg_sys::Oid>| {
                    shape.iter().position(|column| {
                        let is_as_made = kind
                            .is_none_or(|kind| column.atttypid == kind && column.atttypmod == -1);
                        !column.attisdropped && column.name() == name && is_as_made
                    })
                };
                Some(Self {
                    $($column: place(
                        stringify!($column),
                        $crate::store::columns::lead_columns!(@kind $($kind)?),
                    )?,)+
                })
            }
        }
    };
}
pub(super) use lead_columns;
