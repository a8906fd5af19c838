using System.Collections;
using RabbitMqBackup.Engine.Restore;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Hashtables of names, as people write them: <c>@{ 'prod-*' = 'test-*' }</c>.</summary>
internal static class NameMaps
{
    /// <summary>The engine's map.</summary>
    /// <exception cref="ArgumentException">A value is missing, or the names make no map.</exception>
    internal static NameMap From(Hashtable names, string parameter) => NameMap.Create(
        names.Cast<DictionaryEntry>().Select(pair => KeyValuePair.Create(
            pair.Key.ToString() ?? "", pair.Value?.ToString() ?? throw new ArgumentException($"{parameter}: there is no new name for '{pair.Key}'.", parameter))),
        parameter);
}
