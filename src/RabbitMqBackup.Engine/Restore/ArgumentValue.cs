using System.Globalization;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Values of queue arguments as manifests and the management API have them: bool, long, double, string, null, lists and dictionaries of these.</summary>
internal static class ArgumentValue
{
    /// <summary>Equality as the broker sees it: numbers by value, whatever their type.</summary>
    internal static bool AreEqual(object? left, object? right) => (left, right) switch
    {
        (null, null) => true,
        (null, _) or (_, null) => false,
        (long or double, long or double) => Convert.ToDouble(left, CultureInfo.InvariantCulture).Equals(Convert.ToDouble(right, CultureInfo.InvariantCulture)),
        (IReadOnlyList<object?> a, IReadOnlyList<object?> b) => a.Count == b.Count && a.Zip(b).All(pair => AreEqual(pair.First, pair.Second)),
        (IReadOnlyDictionary<string, object?> a, IReadOnlyDictionary<string, object?> b) =>
            a.Count == b.Count && a.All(pair => b.TryGetValue(pair.Key, out object? other) && AreEqual(pair.Value, other)),
        _ => left.Equals(right),
    };

    /// <summary>For people.</summary>
    internal static string Display(object? value) => value switch
    {
        null => "not set",
        string text => $"'{text}'",
        IReadOnlyList<object?> list => $"[{string.Join(", ", list.Select(Display))}]",
        IReadOnlyDictionary<string, object?> table => $"{{{string.Join(", ", table.Select(pair => $"{pair.Key}: {Display(pair.Value)}"))}}}",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };
}
