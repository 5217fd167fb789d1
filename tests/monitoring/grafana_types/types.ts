// A dashboard as a file, out of what Grafana publishes (npm's @grafana/schema). The published types are
// combined here, because they leave open which kind of panel has which options: Panel takes any.
//
// Tests put another version's name where this file says "@grafana/schema".
import type * as schema from "@grafana/schema";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
// Later versions have no type for Prometheus' queries any more.
import type { PrometheusDataQuery } from "grafana-schema-10/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen";

// A JSON text has "line" where TypeScript would have GraphDrawStyle.Line.
type Json<T> = T extends string
  ? `${T}`
  : T extends readonly (infer Element)[]
    ? Json<Element>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

type With<Base, Changes> = Omit<Base, keyof Changes> & Changes;

// What an override may set: a field option, or one of the panel's own, as "custom.NAME".
type Property<Custom> =
  | { [Key in keyof Custom & string]-?: { id: `custom.${Key}`; value: Custom[Key] } }[keyof Custom & string]
  | { [Key in Option]-?: { id: Key; value: schema.FieldConfig[Key] } }[Option];
type Option = Exclude<keyof schema.FieldConfig, "custom" | "path" | "writeable" | "displayNameFromDS">;

type FieldConfigSource<Custom> = {
  defaults: With<schema.FieldConfig, { custom?: Custom }>;
  overrides: { matcher: schema.MatcherConfig; properties: Property<Custom>[] }[];
};

// Every panel says what it is asked, of whom, and how it is shown.
type PanelOf<Type extends string, Options, Custom> = With<
  schema.Panel,
  {
    type: Type;
    id: number;
    gridPos: schema.GridPos;
    datasource: schema.DataSourceRef;
    options: Options;
    fieldConfig: FieldConfigSource<Custom>;
    targets: With<PrometheusDataQuery, { datasource: schema.DataSourceRef }>[];
  }
>;

// The kinds of panel that the dashboards use. Another kind is an error until it stands here.
type AnyPanel =
  | PanelOf<"stat", stat.Options, {}>
  | PanelOf<"table", table.Options, table.FieldConfig>
  | PanelOf<"timeseries", timeseries.Options, timeseries.FieldConfig>
  | With<schema.RowPanel, { panels: never[] }>;

export type DashboardFile = Json<With<schema.Dashboard, { panels: AnyPanel[] }>>;
