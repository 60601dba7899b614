-- pg_dump does not carry a user's changes to a member table: one column too many loses every row at restore.
-- So the shape is guarded, by its result: columns that this version does not know are refused.

CREATE TABLE @extschema@.table_shapes (
    table_name name NOT NULL,
    column_names name[] NOT NULL,
    CONSTRAINT table_shapes_pkey PRIMARY KEY (table_name)
);
COMMENT ON TABLE @extschema@.table_shapes IS 'The columns each table of this version has; rewritten by every upgrade';

CREATE FUNCTION @extschema@.record_table_shapes() RETURNS void
    LANGUAGE sql
    SET search_path = @extschema@, pg_temp
    AS $$
    DELETE FROM table_shapes;
    INSERT INTO table_shapes (table_name, column_names)
    SELECT c.relname, array_agg(a.attname ORDER BY a.attname)
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'equity_connect'
    JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'r'
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE d.classid = 'pg_catalog.pg_class'::regclass
        AND d.refclassid = 'pg_catalog.pg_extension'::regclass
        AND d.deptype = 'e'
    GROUP BY c.relname;
$$;
COMMENT ON FUNCTION @extschema@.record_table_shapes() IS 'For the install and upgrade scripts: remembers the columns of this version';
REVOKE ALL ON FUNCTION @extschema@.record_table_shapes() FROM PUBLIC;

-- SECURITY DEFINER: it fires for every role's DDL, and most may not read our tables.
CREATE FUNCTION @extschema@.guard_table_shapes() RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = @extschema@, pg_temp
    AS $$
DECLARE
    changed record;
BEGIN
    IF pg_catalog.current_setting('equity_connect.allow_data_loss', true) = 'on' THEN
        RETURN;
    END IF;
    FOR changed IN
        SELECT DISTINCT
            c.relname,
            cmd.object_type,
            ARRAY(
                SELECT a.attname FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname
            ) <> s.column_names AS reshaped
        FROM pg_catalog.pg_event_trigger_ddl_commands() cmd
        LEFT JOIN pg_catalog.pg_index i ON cmd.classid = 'pg_catalog.pg_class'::regclass AND i.indexrelid = cmd.objid
        LEFT JOIN pg_catalog.pg_trigger t ON cmd.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = cmd.objid
        LEFT JOIN pg_catalog.pg_policy p ON cmd.classid = 'pg_catalog.pg_policy'::regclass AND p.oid = cmd.objid
        JOIN pg_catalog.pg_class c ON c.oid = COALESCE(i.indrelid, t.tgrelid, p.polrelid, cmd.objid)
            AND c.relkind = 'r'
            AND c.relnamespace = (SELECT extnamespace FROM pg_catalog.pg_extension WHERE extname = 'equity_connect')
        JOIN table_shapes s ON s.table_name = c.relname
        WHERE NOT cmd.in_extension
            AND cmd.classid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_trigger'::regclass, 'pg_catalog.pg_policy'::regclass)
    LOOP
        IF changed.reshaped THEN
            RAISE EXCEPTION 'the columns of table "%" belong to extension equity_connect and cannot be changed', changed.relname
                USING ERRCODE = 'feature_not_supported',
                    DETAIL = 'pg_dump does not carry columns added to an extension''s table: a restore would lose every row of it.',
                    HINT = 'Keep own columns in a table of your own: CREATE TABLE my_leads (lead_id uuid PRIMARY KEY REFERENCES leads (id) ON DELETE CASCADE, ...); or in leads.custom.';
        ELSIF changed.object_type IN ('index', 'trigger', 'policy') THEN
            RAISE WARNING 'this % on table "%" of extension equity_connect is not part of a pg_dump', changed.object_type, changed.relname
                USING HINT = 'Keep its definition, and create it again after a restore.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.guard_table_shapes() IS 'Refuses changed columns, and warns about indexes, triggers and policies that a dump would not hold';

REVOKE ALL ON FUNCTION @extschema@.guard_table_shapes() FROM PUBLIC;

CREATE EVENT TRIGGER equity_connect_guard ON ddl_command_end
    WHEN TAG IN ('ALTER TABLE', 'CREATE INDEX', 'CREATE TRIGGER', 'CREATE POLICY')
    EXECUTE FUNCTION @extschema@.guard_table_shapes();
COMMENT ON EVENT TRIGGER equity_connect_guard IS 'Keeps the tables of equity_connect in a shape that pg_dump can carry';

SELECT @extschema@.record_table_shapes();
