//! Where the columns of `leads` stand, and that they are what they were made as.

/// Makes a type `Columns` for some columns of `leads`, each with the type it is read as.
macro_rules! lead_columns {
    ($($column:ident: $kind:ident),+ $(,)?) => {
        /// Where the columns stand, counted from 0.
        #[derive(Clone, Copy)]
        pub struct Columns {
            $(pub $column: usize,)+
        }

        impl Columns {
            /// None: the table is not as sql/install makes it, and has to be read by name and by type.
            pub fn of(shape: &pgrx::PgTupleDesc<'_>) -> Option<Self> {
                let place = |name: &str, kind: pgrx::pg_sys::Oid| {
                    shape.iter().position(|column| {
                        !column.attisdropped
                            && column.name() == name
                            && column.atttypid == kind
                            && column.atttypmod == -1
                    })
                };
                Some(Self {
                    $($column: place(stringify!($column), pgrx::pg_sys::$kind)?,)+
                })
            }
        }
    };
}
pub(super) use lead_columns;
