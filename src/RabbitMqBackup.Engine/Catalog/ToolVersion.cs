using System.Reflection;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>This module's version, as manifests name it.</summary>
internal static class ToolVersion
{
    /// <summary>E.g. <c>0.1.0</c>.</summary>
    internal static string Current { get; } =
        typeof(ToolVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
